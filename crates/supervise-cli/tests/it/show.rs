//! `supervise show`.

use insta::assert_snapshot;
use supervise_core::{Tool, render_diff};

use crate::world::{ROUTE, World, fixed};

#[test]
fn the_card_has_all_a_decision_rests_on() {
    let world = World::new();
    let payload = "{\n  \"host\": \"api.example.com\",\n  \"auth\": {\n    \"scheme\": \"Bearer\",\n    \"token_ref\": \"API_KEY\"\n  }\n}\n";
    let proposal = world.propose(fixed(
        "dev",
        1,
        Tool::EgressAllow,
        payload,
        "first line\nsecond line",
    ));
    let ran = world.run(&["show", &proposal.id[..10]]).expect(0);
    assert_snapshot!(ran.out, @r#"
    dev asks through egress-allow
    proposal  5eed0000-0000-4000-8000-000000000001@74ff1495b38f9290
    asked     0s ago, 2999-01-01T00:00:01.000000+00:00
    for       api.example.com, every path, with API_KEY as Bearer
    ! credential-new-host: every request to api.example.com, a new host, would carry the credential API_KEY
    ! token-ref-new: no route has used the credential API_KEY before
    ! whole-host: every path of api.example.com would be open
    why
    │ first line
    │ second line
    change
    │ --- routes.yaml (current)
    │ +++ routes.yaml (proposed)
    │ @@ -0,0 +1,7 @@
    │ +{
    │ +  "host": "api.example.com",
    │ +  "auth": {
    │ +    "scheme": "Bearer",
    │ +    "token_ref": "API_KEY"
    │ +  }
    │ +}
    "#);
    assert_eq!(world.shown(&proposal), Some(proposal.digest()));
}

#[test]
fn json_is_the_lists_object_and_the_diff() {
    let world = World::new();
    let proposal = world.propose(fixed("dev", 1, Tool::EgressAllow, ROUTE, "why"));
    let mut object = world.run(&["show", "5eed", "--json"]).expect(0).json();
    let diff = object.as_object_mut().unwrap().remove("diff").unwrap();
    assert_eq!(diff, render_diff("", ROUTE, "routes.yaml"));
    assert_eq!(object, world.run(&["list", "--json"]).json()[0]);
    assert_eq!(object["id"], proposal.id);
}

#[test]
fn a_payload_that_is_no_route_is_called_so() {
    let world = World::new();
    world.propose(fixed(
        "dev",
        1,
        Tool::EgressAllow,
        "{\"host\": \"127.0.0.1\"}",
        "why",
    ));
    let ran = world.run(&["show", "5eed"]).expect(0);
    assert!(
        ran.out.contains("for       this is no valid route: "),
        "{}",
        ran.out
    );
}

#[test]
fn decided_and_withdrawn_ones_are_shown_with_their_state() {
    let world = World::new();
    let (first, second) = (world.ask("dev"), world.ask("ci"));
    world.run(&["reject", &first.id, "--notes", "no"]).expect(0);
    assert!(
        world
            .run(&["show", &first.id])
            .expect(0)
            .out
            .ends_with("it is rejected\n")
    );
    world.sql("ci", "UPDATE supervise_proposals SET archived = 1");
    assert!(
        world
            .run(&["show", &second.id])
            .expect(0)
            .out
            .ends_with("it was withdrawn\n")
    );
}

#[test]
fn another_digest_is_shown_with_exit_code_5() {
    let world = World::new();
    let proposal = world.ask("dev");
    world
        .run(&["show", &format!("{}@{}", proposal.id, proposal.digest())])
        .expect(0);
    let ran = world
        .run(&["show", &format!("{}@00000000", proposal.id)])
        .expect(5);
    assert!(ran.out.contains(&proposal.id));
}

#[test]
fn risks_are_shown_with_what_earlier_decisions_tell() {
    let world = World::new();
    let first = world.ask("dev");
    world.run(&["reject", &first.id, "--notes", "no"]).expect(0);
    let again = world.ask("dev");
    let ran = world.run(&["show", &again.id]).expect(0);
    assert!(
        ran.out
            .contains("\n! refused-before: api.example.com has been refused before\n"),
        "{}",
        ran.out
    );
    let object = world.run(&["show", &again.id, "--json"]).expect(0).json();
    assert_eq!(object["risks"][0]["code"], "refused-before");
    assert_eq!(object["risks"][0]["level"], "warn");
    // Another bottle's refusals are its own.
    let other = world.ask("ci");
    assert_eq!(
        world.run(&["show", &other.id, "--json"]).json()["risks"],
        serde_json::json!([])
    );
}
