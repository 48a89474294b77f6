//! What must not be replaced is refused untouched, with a word on what to do about it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::process::geteuid;

use super::bottle::{Bottle, FILE};
use crate::world::World;

/// Somebody else; only root can make files theirs.
const NOBODY: u32 = 65534;

struct Case {
    said: &'static str,
    spoil: fn(&Bottle<'_>),
    check: fn(&Bottle<'_>),
}

fn mode(path: std::path::PathBuf, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn make(bottle: &Bottle<'_>, kind: FileType) {
    fs::remove_file(bottle.routes()).unwrap();
    mknodat(CWD, bottle.routes(), kind, Mode::from(0o600), makedev(1, 3)).unwrap();
}

const FOR_ANYBODY: &[Case] = &[
    Case {
        said: "is a symbolic link; name the real file",
        spoil: |bottle| {
            fs::rename(bottle.routes(), bottle.dir().join("elsewhere")).unwrap();
            symlink("elsewhere", bottle.routes()).unwrap();
        },
        check: |bottle| {
            assert!(bottle.routes().is_symlink());
            assert_eq!(bottle.text(), FILE);
        },
    },
    Case {
        said: "its directory is a symbolic link; name the real one",
        spoil: |bottle| {
            fs::rename(bottle.dir(), bottle.root().join("elsewhere")).unwrap();
            symlink("../elsewhere", bottle.dir()).unwrap();
        },
        check: |bottle| bottle.is_as_before(),
    },
    Case {
        said: "is a directory",
        spoil: |bottle| {
            fs::remove_file(bottle.routes()).unwrap();
            fs::create_dir(bottle.routes()).unwrap();
        },
        check: |bottle| assert!(bottle.routes().is_dir()),
    },
    Case {
        said: "is not a regular file",
        spoil: |bottle| make(bottle, FileType::Fifo),
        check: |bottle| assert!(bottle.routes().exists()),
    },
    Case {
        said: "is not a regular file",
        spoil: |bottle| {
            fs::remove_file(bottle.routes()).unwrap();
            drop(UnixListener::bind(bottle.routes()).unwrap());
        },
        check: |bottle| assert!(bottle.routes().exists()),
    },
    Case {
        said: "has another name (a hard link)",
        spoil: |bottle| fs::hard_link(bottle.routes(), bottle.root().join("other")).unwrap(),
        check: |bottle| {
            bottle.is_as_before();
            assert_eq!(fs::read_to_string(bottle.root().join("other")).unwrap(), FILE);
        },
    },
    Case {
        said: "its directory is read-only; open it with chmod u+w",
        spoil: |bottle| mode(bottle.dir(), 0o500),
        check: |bottle| {
            mode(bottle.dir(), 0o700);
            bottle.is_as_before();
        },
    },
    Case {
        said: "everybody can write its directory; close it with chmod o-w",
        spoil: |bottle| mode(bottle.dir(), 0o1777),
        check: |bottle| bottle.is_as_before(),
    },
    Case {
        said: "routes.yaml: is read-only",
        spoil: |bottle| mode(bottle.routes(), 0o444),
        check: |bottle| assert_eq!(bottle.text(), FILE),
    },
    Case {
        said: "everybody can write it; close it with chmod o-w",
        spoil: |bottle| mode(bottle.routes(), 0o666),
        check: |bottle| assert_eq!(bottle.text(), FILE),
    },
    Case {
        said: "its directory can't be opened: there is none",
        spoil: |bottle| fs::remove_dir_all(bottle.dir()).unwrap(),
        check: |bottle| assert!(!bottle.dir().exists()),
    },
    Case {
        said: "is over 4 MiB",
        spoil: |bottle| fs::write(bottle.routes(), "#".repeat((4 << 20) + 1)).unwrap(),
        check: |bottle| assert_eq!(bottle.text().len(), (4 << 20) + 1),
    },
    Case {
        said: "is not UTF-8 text",
        spoil: |bottle| fs::write(bottle.routes(), b"routes: []\n# \xff\n").unwrap(),
        check: |bottle| assert_eq!(fs::read(bottle.routes()).unwrap().len(), 15),
    },
    Case {
        said: "line 1: not a routes file",
        spoil: |bottle| fs::write(bottle.routes(), "[1]\n").unwrap(),
        check: |bottle| assert_eq!(bottle.text(), "[1]\n"),
    },
];

const FOR_ROOT: &[Case] = &[
    Case {
        said: "is not a regular file",
        spoil: |bottle| make(bottle, FileType::CharacterDevice),
        check: |bottle| assert!(bottle.routes().exists()),
    },
    Case {
        said: "belongs to somebody else; make it yours with chown",
        spoil: |bottle| chown(bottle.routes(), Some(NOBODY), None).unwrap(),
        check: |bottle| bottle.is_as_before(),
    },
    Case {
        said: "its directory belongs to somebody else",
        spoil: |bottle| chown(bottle.dir(), Some(NOBODY), None).unwrap(),
        check: |bottle| bottle.is_as_before(),
    },
    Case {
        said: "leads over somebody else's symbolic link",
        spoil: |bottle| {
            let egress = bottle.root().join("egress");
            fs::rename(&egress, bottle.root().join("elsewhere")).unwrap();
            symlink("elsewhere", &egress).unwrap();
            lchown(&egress, Some(NOBODY), None).unwrap();
        },
        check: |bottle| bottle.is_as_before(),
    },
];

#[test]
fn it_is_refused_and_left_as_it_is() {
    let for_root = if geteuid().is_root() { FOR_ROOT } else { &[] };
    for case in FOR_ANYBODY.iter().chain(for_root) {
        let world = World::new();
        let bottle = Bottle::new(&world);
        let proposal = world.ask("dev");
        (case.spoil)(&bottle);
        bottle.refuses(&proposal, case.said);
        (case.check)(&bottle);
        assert_eq!((bottle.reloads(), world.audit().len()), (0, 1), "{}", case.said);
    }
}

#[test]
fn a_link_of_ones_own_on_the_way_is_followed() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proposal = world.ask("dev");
    let egress = bottle.root().join("egress");
    fs::rename(&egress, bottle.root().join("elsewhere")).unwrap();
    symlink("elsewhere", &egress).unwrap();
    world.run(&["approve", &proposal.id]).expect(0);
    assert!(bottle.text().contains("api.example.com"));
}

#[test]
fn a_dockerfile_has_the_same_rules() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proposal = bottle.ask_capability("FROM debian:13\n");
    fs::write(bottle.dockerfile(), "FROM debian:12\n").unwrap();
    fs::hard_link(bottle.dockerfile(), bottle.root().join("other")).unwrap();
    bottle.refuses(&proposal, "has another name (a hard link)");
    assert_eq!(
        fs::read_to_string(bottle.dockerfile()).unwrap(),
        "FROM debian:12\n"
    );
    fs::remove_file(bottle.root().join("other")).unwrap();
    world.run(&["approve", &proposal.id]).expect(0);
    assert_eq!(bottle.built(), Some(proposal.proposed_file));
}
