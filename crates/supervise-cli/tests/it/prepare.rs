//! `supervise prepare`.

use std::os::unix::fs::PermissionsExt as _;

use supervise_store::Mount;

use crate::world::{World, slug};

#[test]
fn the_queue_directory_is_made_and_the_plan_told() {
    let world = World::new();
    let dir = world.root.queue_dir(&slug("dev"));
    let ran = world
        .run(&["prepare", "dev", "--queue", "sqlite", "--json"])
        .expect(0);
    let mounts = serde_json::json!([{"source": dir, "target": "/run/supervise/queue", "mode": "rw"}]);
    let plan = serde_json::json!({
        "slug": "dev", "queue_dir": dir, "internal_network": "", "backend": "sqlite", "mounts": mounts,
    });
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

#[test]
fn the_kind_of_queue_goes_by_the_disk_and_is_kept() {
    let world = World::new();
    let backend = |words: &[&str]| world.run(words).expect(0).json()["backend"].clone();
    let by_disk = if Mount::of(&std::env::temp_dir()).is_local() {
        "sqlite"
    } else {
        "files"
    };
    assert_eq!(backend(&["prepare", "dev", "--json"]), by_disk);
    assert_eq!(
        backend(&["prepare", "web", "--queue", "files", "--json"]),
        "files"
    );
    assert_eq!(backend(&["prepare", "web", "--json"]), "files");
    let ran = world.run(&["prepare", "web"]).expect(0);
    assert!(
        ran.out.contains("kind of queue    files, as queues.toml says\n"),
        "{}",
        ran.out
    );
    let dir = world.root.queue_dir(&slug("web"));
    for mount in [
        format!("mount            {}:/run/supervise/queue:ro\n", dir.display()),
        format!(
            "mount            {0}/in:/run/supervise/queue/in:rw\n",
            dir.display()
        ),
    ] {
        assert!(ran.out.contains(&mount), "{}", ran.out);
    }
    for name in ["in", "out"] {
        let mode = dir.join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
    assert_eq!(std::fs::read_to_string(dir.join("backend")).unwrap(), "files");
}

#[test]
fn a_queue_with_something_in_it_keeps_its_kind() {
    let world = World::new();
    world.ask("dev");
    let ran = world.run(&["prepare", "dev", "--queue", "files"]).expect(2);
    assert!(ran.err.contains("has a queue of the other kind"), "{}", ran.err);
    world.run(&["list"]).expect(0);
    assert!(!world.root.queues_file().exists());
}
