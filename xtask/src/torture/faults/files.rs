//! What becomes of a database's file when others are careless or ill-meaning. The good one is put back at the end.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::scene::{SLUG, Scene, bytes};
use super::{Failed, Lift, Random};
use crate::torture::world::trouble;

const SCHEMA: &str = "
CREATE TABLE supervise_proposals(id TEXT PRIMARY KEY, bottle_slug TEXT NOT NULL, evil TEXT);
CREATE TABLE supervise_responses(proposal_id TEXT PRIMARY KEY, status TEXT NOT NULL);";
const VIEW: &str = "
CREATE VIEW supervise_proposals AS SELECT 'x' AS id, 'torture' AS bottle_slug, 'egress-allow' AS tool,
  'f' AS proposed_file, 'j' AS justification, 't' AS arrival_timestamp, 'h' AS current_file_hash, 0 AS archived;";
/// The tail of a journal that names another file to delete.
const SUPER_JOURNAL: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// Puts good bytes where they were, as restoring from a backup does: another file of the same name.
fn restore(path: PathBuf, good: Vec<u8>) -> Lift {
    Box::new(move |_| {
        let restore = || {
            let beside = path.with_extension("restored");
            fs::write(&beside, &good)?;
            fs::set_permissions(&beside, fs::Permissions::from_mode(0o600))?;
            let _ = fs::remove_file(path.with_extension("db-journal"));
            fs::rename(&beside, &path)
        };
        restore().map_err(trouble("restoring a database"))
    })
}

/// The file itself comes back.
fn move_back(from: PathBuf, to: PathBuf) -> Lift {
    Box::new(move |_| {
        if !to.is_dir() {
            let _ = fs::remove_file(&to);
        }
        fs::rename(&from, &to).map_err(trouble("moving it back"))
    })
}

fn move_away(scene: &Scene, what: &Path) -> Result<Lift, Failed> {
    let away = scene.volume.path().join("away");
    fs::rename(what, &away).map_err(trouble("moving it away"))?;
    Ok(move_back(away, what.to_owned()))
}

pub(super) fn directory_moved(scene: &Scene, _: &mut Random) -> Result<Lift, Failed> {
    move_away(scene, &scene.queue())
}

/// With everything in it. Preparing the bottle again is all it takes to go on.
pub(super) fn directory_removed(scene: &Scene, _: &mut Random) -> Result<Lift, Failed> {
    fs::remove_dir_all(scene.queue()).map_err(trouble("removing the queue"))?;
    Ok(Box::new(|scene| {
        scene.world.said(&["prepare", SLUG])?;
        Ok(())
    }))
}

/// By one that another program makes, with the given tables.
fn by_another(scene: &Scene, schema: &str) -> Result<Lift, Failed> {
    let db = scene.queue_db();
    let good = bytes(&db)?;
    let other = scene.volume.path().join("other.db");
    let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2] + '; PRAGMA user_version = 1')";
    let made = Command::new("python3")
        .args(["-c", script])
        .arg(&other)
        .arg(schema)
        .status();
    if !made.map_err(trouble("python3"))?.success() {
        return Err(Failed::new("python3 makes no database"));
    }
    fs::rename(&other, &db).map_err(trouble("replacing the database"))?;
    Ok(restore(db, good))
}

pub(super) fn replaced(scene: &Scene, random: &mut Random) -> Result<Lift, Failed> {
    let db = scene.queue_db();
    if random.below(2) == 0 {
        return by_another(scene, "");
    }
    let good = bytes(&db)?;
    let other = scene.volume.path().join("other.db");
    fs::write(
        &other,
        "this is no database, and long enough to be looked at as one. ".repeat(100),
    )
    .and_then(|()| fs::rename(&other, &db))
    .map_err(trouble("replacing the database"))?;
    Ok(restore(db, good))
}

pub(super) fn foreign_shape(scene: &Scene, _: &mut Random) -> Result<Lift, Failed> {
    by_another(scene, SCHEMA)
}

pub(super) fn view(scene: &Scene, _: &mut Random) -> Result<Lift, Failed> {
    by_another(scene, VIEW)
}

fn truncate(db: PathBuf, random: &mut Random) -> Result<Lift, Failed> {
    let good = bytes(&db)?;
    let length = random.below(good.len()) as u64;
    let file = fs::File::options().write(true).open(&db);
    file.and_then(|file| file.set_len(length))
        .map_err(trouble("truncating"))?;
    Ok(restore(db, good))
}

fn corrupt(db: PathBuf, random: &mut Random) -> Result<Lift, Failed> {
    let good = bytes(&db)?;
    let mut bad = good.clone();
    for _ in 0..1 + random.below(200) {
        let at = random.below(bad.len());
        bad[at] = random.below(256) as u8;
    }
    // In place: the sidecar has this file open.
    fs::write(&db, &bad).map_err(trouble("corrupting"))?;
    Ok(restore(db, good))
}

pub(super) fn truncated(scene: &Scene, random: &mut Random) -> Result<Lift, Failed> {
    truncate(scene.queue_db(), random)
}

pub(super) fn corrupted(scene: &Scene, random: &mut Random) -> Result<Lift, Failed> {
    corrupt(scene.queue_db(), random)
}

pub(super) fn host_truncated(scene: &Scene, random: &mut Random) -> Result<Lift, Failed> {
    truncate(scene.host_db(), random)
}

pub(super) fn host_corrupted(scene: &Scene, random: &mut Random) -> Result<Lift, Failed> {
    corrupt(scene.host_db(), random)
}

pub(super) fn symlink(scene: &Scene, _: &mut Random) -> Result<Lift, Failed> {
    let lift = move_away(scene, &scene.queue_db())?;
    std::os::unix::fs::symlink(scene.volume.path().join("away"), scene.queue_db())
        .map_err(trouble("linking"))?;
    Ok(lift)
}

pub(super) fn hard_link(scene: &Scene, _: &mut Random) -> Result<Lift, Failed> {
    let link = scene.volume.path().join("link");
    fs::hard_link(scene.queue_db(), &link).map_err(trouble("linking"))?;
    Ok(Box::new(move |_| {
        fs::remove_file(&link).map_err(trouble("unlinking"))
    }))
}

pub(super) fn fifo(scene: &Scene, _: &mut Random) -> Result<Lift, Failed> {
    let lift = move_away(scene, &scene.queue_db())?;
    let made = Command::new("mkfifo").arg(scene.queue_db()).status();
    made.map_err(trouble("mkfifo"))?;
    Ok(lift)
}

/// A journal that makes an unguarded opener delete a file of the operator's.
pub(super) fn planted_journal(scene: &Scene, _: &mut Random) -> Result<Lift, Failed> {
    let victim = scene.world.root().join("victim");
    fs::write(&victim, "dear to somebody").map_err(trouble("writing the victim"))?;
    let name = victim.display().to_string();
    let mut journal = vec![0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    journal.resize(512, 0);
    journal.extend([0, 0, 0, 0]);
    journal.extend(name.bytes());
    journal.extend((name.len() as u32).to_be_bytes());
    let sum: u32 = name.bytes().map(u32::from).sum();
    journal.extend(sum.to_be_bytes());
    journal.extend(SUPER_JOURNAL);
    let path = scene.queue().join("supervise.db-journal");
    fs::write(&path, journal).map_err(trouble("planting a journal"))?;
    Ok(Box::new(move |scene| {
        if !victim.exists() {
            scene.find("the planted journal made somebody delete a file");
        }
        let _ = fs::remove_file(&path);
        Ok(())
    }))
}
