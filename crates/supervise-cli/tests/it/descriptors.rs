//! A program that may open few files says so.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use crate::world::World;

#[test]
fn out_of_descriptors_is_a_failure_with_its_reason() {
    let world = World::new();
    world.ask("dev");
    for file in [world.root.config(), world.root.path().join("queues.toml")] {
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    }
    let mut worked = false;
    // With fewer the system's loader can't open the libraries.
    for limit in 6..=64 {
        let ran = world.run_after(&format!("ulimit -n {limit}"), &["list"]);
        match ran.code {
            0 => worked = true,
            127 => assert!(ran.err.contains("shared"), "{limit}: {}", ran.err),
            1 => assert!(
                ran.err.contains("Too many open files") || ran.err.contains("can't be opened"),
                "{limit}: {}",
                ran.err
            ),
            code => panic!("{limit}: {code}: {}", ran.err),
        }
    }
    assert!(worked);
}
