//! `supervise.toml`: what is wrong with it is named, and nothing is decided.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::bottle::{Bottle, CONFIG};
use crate::world::World;

#[test]
fn a_bad_configuration_ends_with_2_and_the_line() {
    let table = [
        (
            "[egress]\nroutes_file = \"x\"\nreload = [\"true\"]\nrelaod = []\n",
            "line 4: unknown field `relaod`",
        ),
        ("operator = \"ada\"\n\n[web]\n", "line 3: unknown field `web`"),
        ("operator = 1\n", "line 1: invalid type"),
        ("operator = \n", "line 1: "),
        ("operator = \"a\\nb\"\n", "'operator' must be a name"),
        ("[egress]\nroutes_file = \"x\"\n", "missing field `reload`"),
        (
            "[egress]\nroutes_file = \"x\"\nreload = []\n",
            "begins with a program",
        ),
        (
            "[egress]\nroutes_file = \"x\"\nreload = [\"true\"]\nintrospect = \"https://a/b\"\n",
            "'introspect' must be an http:// address",
        ),
        (
            "[egress]\nroutes_file = \"x\"\nreload = [\"true\"]\nproxy = \"http://a:1\"\n",
            "'introspect' is reached, which is missing",
        ),
        (
            "[egress]\nroutes_file = \"\"\nreload = [\"true\"]\n",
            "must name a file",
        ),
        (
            "[egress]\nroutes_file = \"x\"\nreload = \"kill -HUP 1\"\n",
            "line 3: invalid type",
        ),
    ];
    for (config, said) in table {
        let world = World::new();
        let bottle = Bottle::new(&world);
        let proposal = world.ask("dev");
        fs::write(bottle.root().join("supervise.toml"), config).unwrap();
        let ran = world.run(&["approve", &proposal.id]).expect(2);
        assert!(ran.err.contains(said), "{config}: {}", ran.err);
        assert_eq!(bottle.answer(&proposal), None);
    }
}

#[test]
fn a_configuration_that_others_can_write_is_refused() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proposal = world.ask("dev");
    let path = bottle.root().join("supervise.toml");
    for mode in [0o620, 0o602] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let ran = world.run(&["approve", &proposal.id]).expect(2);
        assert!(ran.err.contains("others can write it"), "{}", ran.err);
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let ran = world.run(&["approve", &proposal.id]).expect(2);
    assert!(ran.err.contains("not a regular file"), "{}", ran.err);
}

#[test]
fn the_configured_name_stands_beside_the_own_one() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proposal = world.ask("dev");
    assert!(CONFIG.contains("operator = \"ada\""));
    world.run(&["approve", &proposal.id]).expect(0);
    let operator = world.audit()[0].origin.operator.clone().unwrap();
    assert!(
        operator.starts_with("ada (") && operator.ends_with(')'),
        "{operator}"
    );
    assert_eq!(bottle.reloads(), 1);
}
