//! Approving changes a real file and runs a real reload script, or changes nothing.

pub(crate) mod bottle;
mod card;
mod commands;
mod config;
mod crash;
mod disk;
mod live;
mod lost;
mod moved;
mod race;
mod refused;
mod signals;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use supervise_core::{Proposal, Tool};

use crate::world::{ROUTE, World, slug};
use bottle::{Bottle, FILE};

const MERGED: &str = "# by hand\nroutes:\n  - host: example.com  # docs\n    path_allowlist: [/v1/]\n  - host: api.example.com\n    path_allowlist:\n      - \"/v1/\"\n";

#[test]
fn approving_writes_reloads_and_answers() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    fs::set_permissions(bottle.routes(), fs::Permissions::from_mode(0o640)).unwrap();
    let proposal = world.ask("dev");
    let ran = world.run(&["approve", &proposal.id, "--json"]).expect(0);
    assert_eq!(ran.json()["applied"], true, "{}", ran.out);
    assert!(ran.err.contains("is written and in force"), "{}", ran.err);
    let written = bottle.text();
    assert!(
        written.starts_with(FILE) && written.contains("api.example.com"),
        "{written}"
    );
    assert_eq!(written.replace('"', ""), MERGED.replace('"', ""));
    assert_eq!(bottle.in_force(), Some(written));
    assert_eq!(bottle.reloads(), 1);
    assert_eq!(fs::metadata(bottle.routes()).unwrap().mode() & 0o7777, 0o640);
    assert_eq!(bottle.litter(), ["routes.yaml"]);
    assert_eq!(
        bottle.answer(&proposal),
        Some(("approved".to_owned(), Some(true)))
    );
    let audit = world.audit();
    assert_eq!(audit.len(), 1);
    let diff = &audit[0].entry.diff;
    assert!(
        diff.contains(" routes:") && diff.contains("+  - host: api.example.com"),
        "{diff}"
    );
    assert!(
        !diff.contains("+routes:") && !diff.contains("+# by hand"),
        "{diff}"
    );
}

#[test]
fn a_missing_file_is_made_and_taken_away_again() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    fs::remove_file(bottle.routes()).unwrap();
    bottle.break_reload();
    let proposal = world.ask("dev");
    world.run(&["approve", &proposal.id]).expect(7);
    assert!(!bottle.routes().exists());
    bottle.mend_reload();
    world.run(&["approve", &proposal.id]).expect(0);
    assert!(bottle.text().contains("api.example.com"));
    assert_eq!(fs::metadata(bottle.routes()).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_failing_reload_rolls_back() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    bottle.break_reload();
    let proposal = world.ask("dev");
    let ran = world.run(&["approve", &proposal.id, "--json"]).expect(7);
    assert_eq!(ran.json()["exit_code"], 7);
    assert!(
        ran.err.contains("exit status: 9: no<U+001B>[2J good"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("is still pending"), "{}", ran.err);
    assert_eq!(bottle.text(), FILE);
    assert_eq!(
        bottle.in_force().as_deref(),
        Some(FILE),
        "the old file was reloaded"
    );
    assert_eq!(bottle.answer(&proposal), None);
    assert!(world.run(&["list"]).expect(0).out.contains(&proposal.id[..8]));
    let audit = world.audit();
    assert_eq!(audit.len(), 1);
    assert_eq!(audit[0].entry.operator_action, "apply-failed");
    assert!(audit[0].entry.operator_notes.contains("exit status: 9"));
    bottle.mend_reload();
    world.run(&["approve", &proposal.id]).expect(0);
    assert_eq!(
        bottle.answer(&proposal),
        Some(("approved".to_owned(), Some(true)))
    );
}

#[test]
fn modifying_writes_what_the_operator_made_of_it() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proposal = world.ask("dev");
    let narrow = ROUTE.replace("/v1/", "/v1/only/");
    let ran = world.run_with(&["modify", &proposal.id, "--file", "-", "--json"], &narrow);
    assert_eq!(ran.expect(0).json()["applied"], true);
    assert!(bottle.text().contains("/v1/only/"), "{}", bottle.text());
    assert_eq!(
        bottle.answer(&proposal),
        Some(("modified".to_owned(), Some(true)))
    );
}

#[test]
fn an_operator_may_write_what_no_agent_may_ask_for() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let address = "{\"host\": \"10.0.0.7\", \"path_allowlist\": [\"/v1/\"]}\n";
    let proposal = world.ask("dev");
    let ran = world.run_with(&["modify", &proposal.id, "--file", "-", "--json"], address);
    assert_eq!(ran.expect(0).json()["applied"], true);
    assert!(bottle.text().contains("10.0.0.7"), "{}", bottle.text());
    let shown = world.run(&["routes", "check", "dev", "--json"]).json();
    let unexplained = shown["unexplained"].as_array().unwrap();
    assert!(
        unexplained.iter().all(|route| route["host"] != "10.0.0.7"),
        "{shown}"
    );
    // Somebody else's row that asks for the same is still no route.
    let asked = world.propose(Proposal::new(&slug("dev"), Tool::EgressAllow, address, "x"));
    world.run(&["approve", &asked.id]).expect(7);
}

#[test]
fn rejecting_touches_nothing() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proposal = world.ask("dev");
    let ran = world
        .run(&["reject", &proposal.id, "--notes", "no", "--json"])
        .expect(0);
    assert_eq!(ran.json()["applied"], false);
    assert_eq!((bottle.text().as_str(), bottle.reloads()), (FILE, 0));
}

#[test]
fn what_is_allowed_already_is_said_and_not_written() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let route = "{\n  \"host\": \"example.com\",\n  \"path_allowlist\": [\n    \"/v1/deeper\"\n  ]\n}\n";
    let proposal = world.propose(Proposal::new(&slug("dev"), Tool::EgressBlock, route, "why"));
    let ran = world.run(&["approve", &proposal.id, "--json"]).expect(0);
    assert!(ran.err.contains("already allowed"), "{}", ran.err);
    assert_eq!(ran.json()["applied"], true);
    assert_eq!((bottle.text().as_str(), bottle.reloads()), (FILE, 0));
    assert_eq!(world.audit()[0].entry.diff, "");
}

#[test]
fn a_file_changed_during_the_reload_is_left_alone() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    bottle.script("echo '# mine' > \"$1\"; exit 1");
    let proposal = world.ask("dev");
    let ran = world.run(&["approve", &proposal.id]).expect(7);
    assert!(
        ran.err.contains("somebody else has changed the file"),
        "{}",
        ran.err
    );
    assert_eq!(bottle.text(), "# mine\n");
}

#[test]
fn a_dockerfile_is_replaced_and_built() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let ask = |text| world.propose(Proposal::new(&slug("dev"), Tool::CapabilityBlock, text, "jq"));
    let good = ask("FROM debian:13\nRUN apt-get install -y jq\n");
    let ran = world.run(&["approve", &good.id, "--json"]).expect(0);
    assert_eq!(ran.json()["applied"], true);
    assert!(ran.err.contains("rebuilding: "), "{}", ran.err);
    assert_eq!(
        fs::read_to_string(bottle.dockerfile()).unwrap(),
        good.proposed_file
    );
    assert_eq!(bottle.built(), Some(good.proposed_file.clone()));
    bottle.break_reload();
    let bad = ask("FROM nothing\n");
    world.run(&["approve", &bad.id]).expect(7);
    assert_eq!(
        fs::read_to_string(bottle.dockerfile()).unwrap(),
        good.proposed_file
    );
    assert_eq!(bottle.answer(&bad), None);
}
