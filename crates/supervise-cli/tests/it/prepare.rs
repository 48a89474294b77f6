//! `supervise prepare`.

use std::os::unix::fs::PermissionsExt as _;

use crate::world::{World, slug};

#[test]
fn the_queue_directory_is_made_and_the_plan_told() {
    let world = World::new();
    let dir = world.root.queue_dir(&slug("dev"));
    let ran = world.run(&["prepare", "dev", "--json"]).expect(0);
    let plan = serde_json::json!({"slug": "dev", "queue_dir": dir, "internal_network": ""});
    assert_eq!(ran.json(), plan);
    assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert!(!world.root.queue_db(&slug("dev")).exists());
    // Again is fine, in words as well.
    let ran = world.run(&["prepare", "dev"]).expect(0);
    assert!(
        ran.out.contains(&format!("queue directory  {}\n", dir.display())),
        "{}",
        ran.out
    );
    world.run(&["prepare", "../dev"]).expect(2);
}
