//! `supervise routes show`: the live routes as a table and as JSON.

use std::fs;

use crate::world::World;

const CONFIG: &str = "[egress]\nroutes_file = \"{slug}.yaml\"\nreload = [\"true\"]\n";

#[test]
fn routes_are_listed_in_the_order_of_the_file() {
    let world = World::new();
    fs::create_dir_all(world.root.path()).unwrap();
    let ran = world.run(&["routes", "show", "dev"]).expect(2);
    assert!(ran.err.contains("no routes file is configured"), "{}", ran.err);
    fs::write(world.root.path().join("supervise.toml"), CONFIG).unwrap();
    world.run(&["routes", "show", "dev"]).expect(3);

    let file = world.root.path().join("dev.yaml");
    let text = "routes:\n  - host: B.example.com\n    path_allowlist: [/v1/, /v2/]\n    auth: {scheme: Bearer, token_ref: TOKEN}\n  - host: a.io\n";
    fs::write(&file, text).unwrap();
    let ran = world.run(&["routes", "show", "dev"]).expect(0);
    assert_eq!(
        ran.out,
        "b.example.com  /v1/ /v2/, with TOKEN as Bearer  not from here\n\
         a.io           every path                       not from here\n"
    );
    let json = world.run(&["routes", "show", "dev", "--json"]).expect(0).json();
    assert_eq!(
        (json[0]["host"].as_str(), json[1]["line"].as_u64()),
        (Some("b.example.com"), Some(5))
    );
    assert_eq!(json[0]["auth"]["token_ref"], "TOKEN");
    assert!(json[0]["origins"][0]["audit_id"].is_null());

    fs::write(&file, "routes:\n  - host: a.io\n  - host: A.io\n").unwrap();
    let ran = world.run(&["routes", "show", "dev"]).expect(1);
    assert!(
        ran.err.contains("line 3: host 'a.io' has a route already"),
        "{}",
        ran.err
    );
}
