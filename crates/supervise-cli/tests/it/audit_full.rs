//! A decision whose audit entry can't be written is no decision.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use supervise_core::{Proposal, Root};
use supervise_store::State;

use crate::audit::world_with_entries;
use crate::audit_verify::host_sql;
use crate::world::{Ran, World};

/// Root may write everything, so the program is run as somebody else where the tests run as root.
const NOBODY: u32 = 65_534;

fn assert_nothing_happened(world: &World, proposal: &Proposal, ran: &Ran, entries: usize) {
    assert!(ran.err.contains("the decision was not made"), "{}", ran.err);
    assert!(ran.out.is_empty(), "{}", ran.out);
    assert!(matches!(world.find(proposal).state, State::Pending), "{ran:?}");
    assert_eq!(world.audit().len(), entries);
    world.run(&["audit", "verify"]).expect(0);
}

/// Approving would write a file and run a command; neither may happen.
fn with_effect(world: &World) -> Root {
    fs::write(
        world.root.config(),
        "[egress]\nroutes_file = \"routes.yaml\"\nreload = [\"touch\", \"reloaded\"]\n",
    )
    .unwrap();
    fs::write(world.root.path().join("routes.yaml"), "routes: []\n").unwrap();
    world.root.clone()
}

fn assert_no_effect(root: &Root) {
    let routes = fs::read_to_string(root.path().join("routes.yaml")).unwrap();
    assert_eq!(routes, "routes: []\n");
}

#[test]
fn a_database_that_can_grow_no_more_refuses_the_decision() {
    let world = world_with_entries();
    let root = with_effect(&world);
    let proposal = world.ask("dev");
    // Its id is bound beforehand, so that the decision is what fails.
    world.run(&["list"]).expect(0);
    let big = "INSERT INTO supervise_audit_entries (timestamp, bottle_slug, component, operator_action, operator_notes,
        justification, diff) VALUES ('t', 'dev', 'egress', 'approved', '', '', printf('%.*c', 4000000, 'x'))";
    host_sql(&world, big);
    let blocks = fs::metadata(world.root.host_db()).unwrap().size() / 512;
    // A write beyond that size fails, as it does on a full disk; the queue is smaller.
    let setup = format!("trap '' XFSZ; ulimit -f {blocks}");
    for (verb, notes) in [("reject", "no"), ("approve", "yes")] {
        let arguments = [verb, &proposal.id, "--notes", &notes.repeat(20_000)];
        let ran = world.run_after(&setup, &arguments).expect(1);
        assert_nothing_happened(&world, &proposal, &ran, 6);
    }
    assert_no_effect(&root);
    world.run(&["approve", &proposal.id]).expect(0);
}

#[test]
fn a_database_that_may_not_be_written_refuses_the_decision() {
    let world = world_with_entries();
    let root = with_effect(&world);
    let proposal = world.ask("dev");
    world.run(&["list"]).expect(0);
    let host_db = world.root.host_db();
    fs::set_permissions(&host_db, Permissions::from_mode(0o400)).unwrap();
    let mut command = world.command(&["approve", &proposal.id, "--notes", "yes"]);
    if rustix::process::geteuid().is_root() {
        let program = world.path("supervise");
        fs::copy(env!("CARGO_BIN_EXE_supervise"), &program).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        give(&world.path(""), NOBODY);
        let environment = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        let environment: Vec<_> = environment.collect();
        command = Command::new(program);
        command.args(["approve", &proposal.id, "--notes", "yes"]);
        command.env_clear().envs(environment).current_dir(world.path(""));
        command.uid(NOBODY).gid(NOBODY);
    }
    let ran = Ran::of(command.output().unwrap()).expect(1);
    give(&world.path(""), rustix::process::geteuid().as_raw());
    fs::set_permissions(&host_db, Permissions::from_mode(0o600)).unwrap();
    assert!(ran.err.contains("can't be written"), "{}", ran.err);
    assert!(ran.err.contains("`supervise doctor`"), "{}", ran.err);
    assert!(matches!(world.find(&proposal).state, State::Pending), "{ran:?}");
    assert_eq!(world.audit().len(), 5);
    assert_no_effect(&root);
    world.run(&["approve", &proposal.id]).expect(0);
    let routes = fs::read_to_string(root.path().join("routes.yaml")).unwrap();
    assert!(routes.contains("api.example.com"), "{routes}");
}

fn give(path: &Path, user: u32) {
    chown(path, Some(user), None).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), user);
        }
    }
}
