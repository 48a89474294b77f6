//! Two operators, one routes file: both routes are there, and both were put in force.

use std::fs;
use std::process::Stdio;

use supervise_core::{Proposal, Tool};

use super::bottle::Bottle;
use crate::world::{Ran, World, slug};

const ROUNDS: usize = 20;

fn ask(world: &World, bottle: &str, host: &str) -> Proposal {
    let route = format!("{{\n  \"host\": \"{host}\"\n}}\n");
    world.propose(Proposal::new(&slug(bottle), Tool::EgressAllow, route, "race"))
}

fn race(world: &World, proposals: &[Proposal]) {
    let running: Vec<_> = proposals
        .iter()
        .map(|proposal| {
            let mut command = world.command(&["approve", &proposal.id]);
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in running {
        Ran::of(child.wait_with_output().unwrap()).expect(0);
    }
}

#[test]
fn both_routes_are_there() {
    each_time_both_routes_are_there(ROUNDS);
}

#[test]
#[ignore = "takes a minute"]
fn long_both_routes_are_there_two_hundred_times() {
    each_time_both_routes_are_there(200);
}

fn each_time_both_routes_are_there(rounds: usize) {
    let world = World::new();
    let bottle = Bottle::new(&world);
    for round in 0..rounds {
        let hosts = [format!("a{round}.example.org"), format!("b{round}.example.org")];
        let proposals = hosts.each_ref().map(|host| ask(&world, "dev", host));
        race(&world, &proposals);
        let text = bottle.text();
        assert!(hosts.iter().all(|host| text.contains(host)), "{text}");
        assert_eq!(bottle.in_force(), Some(text));
        assert_eq!(bottle.reloads(), 2 * (round + 1));
    }
    assert_eq!(world.audit().len(), 2 * rounds);
}

#[test]
fn bottles_may_share_a_file() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let config = "[egress]\nroutes_file = \"egress/dev/routes.yaml\"\nreload = [\"/bin/sh\", \"{root}/reload.sh\", \"{root}/egress/dev/routes.yaml\", \"in-force\"]\n";
    fs::write(bottle.root().join("supervise.toml"), config).unwrap();
    for round in 0..ROUNDS {
        let hosts = [format!("a{round}.example.org"), format!("b{round}.example.org")];
        race(
            &world,
            &[ask(&world, "dev", &hosts[0]), ask(&world, "web", &hosts[1])],
        );
        let text = bottle.text();
        assert!(hosts.iter().all(|host| text.contains(host)), "{text}");
        assert_eq!(bottle.in_force(), Some(text));
    }
}
