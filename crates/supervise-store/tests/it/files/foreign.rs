//! What is told by file names alone, and what the bottle's own files look like to others.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{names, scene};
use crate::fixture::held;

#[tokio::test(flavor = "multi_thread")]
async fn every_file_is_private_and_none_is_left_unfinished() {
    let scene = scene();
    // A crash left this one.
    let unfinished = scene
        .place
        .dir
        .join("in")
        .join(".tmp-00000000-0000-4000-8000-000000000000");
    fs::write(&unfinished, "half").unwrap();
    let bottle = scene.bottle().await;
    assert!(!unfinished.exists());
    let hold = held(&bottle, "x").await;
    let _joined = held(&bottle, "x").await;
    let _joined = held(&bottle, "x").await;
    hold.time_out();
    scene.until_pending(&[_joined.id()]).await;
    let found = names(scene.place.dir.join("in"));
    let kinds: Vec<&str> = found
        .iter()
        .filter_map(|name| name.split_once('.'))
        .map(|(_, kind)| kind)
        .collect();
    assert_eq!(kinds, ["joined-2", "proposal"]);
    for name in found {
        let mode = fs::metadata(scene.place.dir.join("in").join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
