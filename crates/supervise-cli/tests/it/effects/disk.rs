//! Disks that are full or read-only: before the rename, and where the old file should be put back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::geteuid;
use supervise_store::State;

use super::bottle::{Bottle, FILE};
use crate::world::World;

/// Something mounted, until this is dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// A disk of 64 KiB with the bottle's file on it. `None` where mounting isn't permitted.
    fn small(bottle: &Bottle<'_>) -> Option<Mounted> {
        let dir = bottle.dir();
        let kept = bottle.root().join("kept");
        fs::rename(bottle.routes(), &kept).unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs"], &dir);
        // Copied with its mode.
        fs::copy(&kept, bottle.routes()).unwrap();
        mounted.then(|| Mounted(dir))
    }

    fn remount(&self, how: &str) {
        assert!(mount(&["-o", &format!("remount,{how}")], &self.0));
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    if !geteuid().is_root() {
        return false;
    }
    let mounted = Command::new("mount").args(arguments).arg(at).output();
    mounted.is_ok_and(|output| output.status.success())
}

fn fill(bottle: &Bottle<'_>) {
    // Written until there is no room for more.
    let _ = fs::write(bottle.dir().join("filler"), vec![0; 128 << 10]);
}

fn make_room(bottle: &Bottle<'_>) {
    fs::remove_file(bottle.dir().join("filler")).unwrap();
}

#[test]
fn a_full_disk_is_said_and_when_there_is_room_it_works() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let Some(_mounted) = Mounted::small(&bottle) else {
        return eprintln!("left out: mounting isn't permitted");
    };
    let proposal = world.ask("dev");
    fill(&bottle);
    bottle.refuses(&proposal, "make room there");
    bottle.is_as_before();
    assert_eq!(bottle.reloads(), 0);
    make_room(&bottle);
    world.run(&["approve", &proposal.id]).expect(0);
    assert_eq!(bottle.in_force(), Some(bottle.text()));
}

#[test]
fn a_read_only_disk_is_said_and_when_it_is_writable_it_works() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let Some(mounted) = Mounted::small(&bottle) else {
        return eprintln!("left out: mounting isn't permitted");
    };
    let proposal = world.ask("dev");
    mounted.remount("ro");
    bottle.refuses(&proposal, "mount it writable");
    bottle.is_as_before();
    mounted.remount("rw");
    world.run(&["approve", &proposal.id]).expect(0);
    assert_eq!(bottle.in_force(), Some(bottle.text()));
}

/// The reload fails, and by then the disk is full: neither done nor undone. It is said, kept, and nothing else
/// is decided in the bottle until whoever looks next can bring it to an end.
#[test]
fn what_can_not_be_put_back_is_kept_for_the_next_to_look() {
    for (script, ended) in [("cat \"$1\" > \"$2\"", Some("approved")), ("exit 5", None)] {
        let world = World::new();
        let bottle = Bottle::new(&world);
        let Some(_mounted) = Mounted::small(&bottle) else {
            return eprintln!("left out: mounting isn't permitted");
        };
        bottle.script("head -c 128k /dev/zero > egress/dev/filler; exit 4");
        let proposal = world.ask("dev");
        let ran = world.run(&["approve", &proposal.id]).expect(1);
        assert!(
            ran.err.contains("is neither approved nor put back") && ran.err.contains("make room there"),
            "{}",
            ran.err
        );
        assert!(matches!(world.find(&proposal).state, State::BeingDecided));
        let doctor = world.run(&["doctor"]);
        assert!(doctor.out.contains("interrupted"), "{}", doctor.out);

        let other = bottle.ask_capability("FROM debian:13\n");
        bottle.script("exit 4");
        let ran = world.run(&["approve", &other.id]).expect(1);
        assert!(
            ran.err.contains(&format!("{} was not decided", other.id)),
            "{}",
            ran.err
        );

        make_room(&bottle);
        bottle.script(script);
        world.run(&["list"]).expect(0);
        assert_eq!(
            bottle.answer(&proposal).map(|(status, _)| status).as_deref(),
            ended
        );
        assert_eq!(bottle.text() == FILE, ended.is_none());
        let action = world.audit()[0].entry.operator_action.clone();
        assert_eq!(action, ended.unwrap_or("apply-failed"));
    }
}
