//! `supervise reject`.

use supervise_core::Status;
use supervise_store::State;

use crate::world::World;

#[test]
fn rejecting_keeps_the_notes_and_no_file() {
    let world = World::new();
    let proposal = world.ask("dev");
    let ran = world
        .run(&["reject", &proposal.id, "--notes", "use the mirror", "--json"])
        .expect(0);
    assert_eq!(ran.json()["status"], "rejected");
    let State::Decided(answer) = world.find(&proposal).state else {
        panic!()
    };
    assert_eq!(answer.response.status, Status::Rejected);
    assert_eq!(answer.response.notes, "use the mirror");
    assert_eq!(answer.response.final_file, None);
    let row = world.audit().remove(0);
    assert_eq!(
        (row.entry.operator_action.as_str(), row.entry.diff.as_str()),
        ("rejected", "")
    );
    assert_eq!(row.origin.via.as_deref(), Some("supervise reject"));
}

#[test]
fn without_notes_somebody_has_to_be_asked() {
    let world = World::new();
    let proposal = world.ask("dev");
    let ran = world.run(&["reject", &proposal.id]).expect(6);
    assert!(ran.err.contains("--notes"), "{}", ran.err);
    world
        .run(&["reject", "--all", "--bottle", "dev", "--yes"])
        .expect(6);
    assert!(world.audit().is_empty());
    world
        .run(&[
            "reject",
            "--all",
            "--bottle",
            "dev",
            "--notes",
            "not today",
            "--yes",
        ])
        .expect(0);
    assert_eq!(world.audit()[0].entry.operator_notes, "not today");
}
