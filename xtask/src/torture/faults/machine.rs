//! Faults that the kernel reports: strace makes its calls fail, and limits are lowered under running programs.

use std::process::{Command, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use serde_json::Value;

use super::scene::{Scene, arguments};
use super::{Failed, Lift, Random};
use crate::torture::operator::field;
use crate::torture::world::trouble;

/// Makes calls of the running sidecar fail until it is lifted.
pub(super) fn inject(scene: &Scene, calls: &str, how: &str) -> Result<Lift, Failed> {
    let sidecar = scene.world.bottles[0].process().unwrap_or_default().to_string();
    let (queue, db) = (scene.queue(), scene.queue_db());
    let journal = scene.queue().join("supervise.db-journal");
    let mut strace = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-p", &sidecar, "-e"])
        .arg(format!("inject={calls}:{how}"))
        // Its sockets stay whole.
        .arg("-P")
        .arg(queue)
        .arg("-P")
        .arg(db)
        .arg("-P")
        .arg(journal)
        .stdin(Stdio::null())
        .spawn()
        .map_err(trouble("strace"))?;
    let attached = || {
        let status = std::fs::read_to_string(format!("/proc/{sidecar}/status")).unwrap_or_default();
        !status.contains("TracerPid:\t0\n")
    };
    if !scene.soon(attached) {
        return Err(Failed::new("strace doesn't attach to the sidecar"));
    }
    Ok(Box::new(move |_| {
        let _ = kill_process(Pid::from_child(&strace), Signal::TERM);
        strace.wait().map_err(trouble("strace"))?;
        Ok(())
    }))
}

/// The same calls fail in the sidecar and, from a random one on, in the operator's program.
fn errors(scene: &Scene, random: &mut Random, calls: &str, error: &str) -> Result<Lift, Failed> {
    let inject = inject(scene, calls, &format!("error={error}"))?;
    let root = scene.world.root().display().to_string();
    let how = format!("inject={calls}:error={error}:when={}+", 1 + random.below(12));
    let paths: Vec<String> = [
        "bot-bottle.db",
        "bot-bottle.db-journal",
        "queue/torture/supervise.db",
        "queue/torture/supervise.db-journal",
        "queue/torture",
        "audit/chain.log",
        "egress",
        "egress/.torture.yaml.supervise-new",
        "",
    ]
    .iter()
    .map(|name| format!("{root}/{name}"))
    .collect();
    let mut words = vec!["strace", "-f", "-qq", "-o", "/dev/null", "-e", how.as_str()];
    for path in &paths {
        words.extend(["-P", path.trim_end_matches('/')]);
    }
    scene.volume.start_through(&words);
    Ok(Box::new(move |scene| {
        scene.volume.start_through(&[]);
        inject(scene)
    }))
}

pub(super) fn write_error(scene: &Scene, random: &mut Random) -> Result<Lift, Failed> {
    errors(scene, random, "pwrite64,write,ftruncate", "EIO")
}

pub(super) fn sync_error(scene: &Scene, random: &mut Random) -> Result<Lift, Failed> {
    errors(scene, random, "fsync,fdatasync", "EIO")
}

pub(super) fn read_error(scene: &Scene, random: &mut Random) -> Result<Lift, Failed> {
    errors(scene, random, "pread64,read", "EIO")
}

/// No file can be opened any more, and for the operator's program only so many.
pub(super) fn no_descriptors(scene: &Scene, random: &mut Random) -> Result<Lift, Failed> {
    let sidecar = scene.world.bottles[0]
        .process()
        .and_then(|id| Pid::from_raw(id.cast_signed()));
    // The next connection still gets one, and the database's journal doesn't.
    let open = std::fs::read_dir(format!(
        "/proc/{}/fd",
        scene.world.bottles[0].process().unwrap_or_default()
    ));
    let open = open.map_or(0, Iterator::count) as u64;
    let limit = |current| Rlimit {
        current: Some(current),
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    let old = prlimit(
        sidecar,
        Resource::Nofile,
        limit(open + 1 + random.below(3) as u64),
    )
    .map_err(|errno| Failed::new(format!("prlimit: {errno}")))?;
    let script = format!("ulimit -n {}; exec \"$@\"", 5 + random.below(14));
    scene.volume.start_through(&["sh", "-c", &script, "sh"]);
    Ok(Box::new(move |scene| {
        scene.volume.start_through(&[]);
        prlimit(sidecar, Resource::Nofile, old).map_err(|errno| Failed::new(format!("prlimit: {errno}")))?;
        Ok(())
    }))
}

/// A sidecar that is started while no inotify is to be had, or no watch, notices decisions by its poll.
pub(super) fn no_inotify(scene: &Scene, random: &mut Random) -> Result<Lift, Failed> {
    let refused = [
        "inject=inotify_init1:error=EMFILE",
        "inject=inotify_add_watch:error=ENOSPC",
    ];
    // Detached, so that the process that is started is the program itself.
    let words = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        refused[random.below(2)],
    ];
    // Long enough for a decision while the call is held.
    let patient = ["env", "SUPERVISE_RESPONSE_TIMEOUT_SECONDS=5"];
    scene.world.bottles[0].stop_sidecar();
    scene.world.bottles[0].start_sidecar_through(&[&patient[..], &words].concat())?;
    notices_by_its_poll(scene)?;
    scene.volume.start_through(&words);
    Ok(Box::new(move |scene| {
        scene.volume.start_through(&[]);
        scene.world.bottles[0].stop_sidecar();
        scene.world.bottles[0].start_sidecar()
    }))
}

fn notices_by_its_poll(scene: &Scene) -> Result<(), Failed> {
    const HOST: &str = "held.example.com";
    let bottle = &scene.world.bottles[0];
    if !bottle.log_text().contains("no inotify") {
        scene.find("the sidecar has inotify, or doesn't say that it has none");
    }
    let told = std::thread::scope(|threads| {
        let held = threads.spawn(|| bottle.call("egress-allow", &arguments(HOST)));
        let mut id = None;
        scene.soon(|| {
            let listed = scene.world.said(&["list", "--json"]).unwrap_or_default();
            let listed: Vec<Value> = serde_json::from_str(&listed).unwrap_or_default();
            let held = listed
                .iter()
                .find(|one| field(one, "proposed_file").contains(HOST));
            id = held.map(|one| field(one, "id").to_owned());
            id.is_some()
        });
        match id {
            Some(id) => scene.world.said(&["approve", &id]).map(drop)?,
            None => scene.find("what is asked is not listed"),
        }
        held.join()
            .map_err(|_| Failed::new("the thread of a held call panicked"))
    })?;
    let told = told.map_or_else(|| "nothing".to_owned(), |told| told.status);
    if told != "approved" {
        scene.find(&format!("approved while it was held, an agent is told {told}"));
    }
    Ok(())
}
