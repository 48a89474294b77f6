//! A bottle that sees its queue through a FUSE mount, as one in a virtual machine sees it through virtiofs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use supervise_store::{Backend, Mount, Place, Queue, QueueUrl, Verdict};

use crate::fixture::{decided, held};
use crate::story::Scene;

/// The queue's directory as its bottle sees it.
struct Mounted(PathBuf);

impl Mounted {
    fn over(place: &Place) -> Mounted {
        let point = place.dir.with_extension("mounted");
        std::fs::create_dir(&point).unwrap();
        let mounted = Command::new("bindfs")
            .arg(&place.dir)
            .arg(&point)
            .status()
            .expect("bindfs");
        assert!(mounted.success());
        Mounted(point)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let unmount = Command::new("fusermount")
            .arg("-uz")
            .arg(&self.0)
            .stderr(Stdio::null())
            .status();
        drop(unmount);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs bindfs"]
async fn bindfs_a_sqlite_queue_is_refused_and_one_of_files_works() {
    let scene = Scene::new(Backend::Sqlite);
    let mounted = Mounted::over(&scene.place);
    assert_eq!(Mount::of(mounted.path()), Mount::Shared("fuse".to_owned()));
    assert!(Mount::of(&scene.place.dir).is_local());
    let refused = QueueUrl::find(mounted.path()).unwrap_err().to_string();
    assert!(refused.contains("marked sqlite and lies on 'fuse'"), "{refused}");
    assert!(
        refused.contains("supervise prepare SLUG --queue files"),
        "{refused}"
    );

    let scene = Scene::new(Backend::Files);
    let mounted = Mounted::over(&scene.place);
    let url = QueueUrl::find(mounted.path()).unwrap();
    let bottle = Queue::connect(&url, &scene.place.slug).await.unwrap();
    // No hint comes through such a mount, so the poll has to find each.
    let mut times = Vec::new();
    for n in 0..100 {
        let mut hold = held(&bottle, &n.to_string()).await;
        scene.until_pending(&[hold.id()]).await;
        scene.decide(hold.id(), Verdict::Approve).await.unwrap();
        let told = Instant::now();
        decided(&mut hold).await.delivered();
        times.push(told.elapsed());
        scene.until_pending(&[]).await;
    }
    times.sort();
    assert!(times[50] < Duration::from_secs(1), "{:?}", times[50]);
    bottle.close().await;
}
