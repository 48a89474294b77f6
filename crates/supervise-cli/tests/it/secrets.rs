//! What looks like a secret is masked in what people show around.

use supervise_core::Tool;

use crate::world::{World, fixed};

/// Put together here, so that no scanner takes this file for a leak.
fn token() -> String {
    format!("ghp_{}", "a1B2c3D4".repeat(5))
}

#[test]
fn lists_hold_no_secret_wherever_it_stands() {
    let world = World::new();
    let token = token();
    let auth = format!("{{\"scheme\": \"Bearer\", \"token_ref\": \"{token}\"}}");
    for (number, payload) in [
        format!("{{\"host\": \"a.example\", \"path_allowlist\": [\"/{token}/\"]}}"),
        format!("{{\"host\": \"b.example\", \"path_allowlist\": [\"/{token}/\", \"/x/\"]}}"),
        format!("{{\"host\": \"c.example\", \"auth\": {auth}}}"),
    ]
    .iter()
    .enumerate()
    {
        world.propose(fixed("dev", number as u128, Tool::EgressAllow, payload, &token));
    }
    let listed = world.run(&["list"]).expect(0);
    assert!(!listed.out.contains(&token[..20]), "{}", listed.out);
    assert_eq!(listed.out.matches("under /ghp_***").count(), 2, "{}", listed.out);
}

#[test]
fn so_does_the_audit_list() {
    let world = World::new();
    let (token, proposal) = (token(), world.ask("dev"));
    let notes = format!("use {token}");
    world.run(&["reject", &proposal.id, "--notes", &notes]).expect(0);
    let listed = world.run(&["audit", "list"]).expect(0);
    assert!(listed.out.contains("use ghp_***"), "{}", listed.out);
    let whole = world.run(&["audit", "list", "--json"]).expect(0);
    assert!(whole.out.contains(&token), "{}", whole.out);
}
