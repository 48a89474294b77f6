//! How proposals are named.

use supervise_core::Tool;

use crate::world::{ROUTE, World, fixed, slug};

#[test]
fn a_unique_start_is_enough_and_an_ambiguous_one_lists_the_matches() {
    let world = World::new();
    let mut first = fixed("dev", 1, Tool::EgressAllow, ROUTE, "why");
    first.id = "aaaa0000-0000-4000-8000-000000000001".into();
    let mut second = fixed("ci", 2, Tool::EgressAllow, ROUTE, "why");
    second.id = "aaaa1000-0000-4000-8000-000000000001".into();
    let (first, second) = (world.propose(first), world.propose(second));
    let ran = world.run(&["approve", "aaaa"]).expect(2);
    assert!(
        ran.err.contains(&first.id) && ran.err.contains(&second.id),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains("in dev") && ran.err.contains("in ci"),
        "{}",
        ran.err
    );
    // A bottle makes it unique, and so does one more character; case doesn't matter.
    world.run(&["show", "aaaa", "--bottle", "ci"]).expect(0);
    world.run(&["approve", "AAAA0"]).expect(0);
    world.run(&["approve", "aaa"]).expect(2);
    world.run(&["approve", "aaaa2"]).expect(3);
}

#[test]
fn one_id_in_two_bottles_is_never_decided_without_its_bottle() {
    let world = World::new();
    world.propose(fixed("dev", 1, Tool::EgressAllow, ROUTE, "why"));
    world.propose(fixed("ci", 1, Tool::EgressAllow, ROUTE, "why"));
    let ran = world
        .run(&["approve", "5eed0000-0000-4000-8000-000000000001"])
        .expect(2);
    assert!(ran.err.contains("--bottle"), "{}", ran.err);
    assert!(world.audit().is_empty());
    world.run(&["approve", "5eed", "--bottle", "ci"]).expect(0);
    assert_eq!(world.audit()[0].entry.bottle_slug, "ci");
}

#[test]
fn a_decided_one_still_makes_a_start_ambiguous() {
    let world = World::new();
    world.propose(fixed("dev", 1, Tool::EgressAllow, ROUTE, "why"));
    world.propose(fixed("dev", 2, Tool::GitleaksAllow, "x", "why"));
    world
        .run(&["approve", "5eed0000-0000-4000-8000-000000000001"])
        .expect(0);
    world.run(&["approve", "5eed"]).expect(2);
}

#[test]
fn not_found_is_not_claimed_of_a_bottle_that_cannot_be_read() {
    let world = World::new();
    world.ask("good");
    world.ask("bad");
    std::fs::write(world.root.queue_db(&slug("bad")), "garbage that is no database").unwrap();
    world.run(&["approve", "00000000"]).expect(1);
    world.run(&["approve", "00000000", "--bottle", "good"]).expect(3);
}
