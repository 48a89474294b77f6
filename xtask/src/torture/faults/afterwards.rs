//! What must hold once a fault is gone, without anybody's help: everything works, and every promise is kept.

use serde_json::Value;

use super::meanwhile::{Seen, health};
use super::scene::{PENDING, SLUG, Scene};
use super::{Failed, Leaves};
use crate::torture::operator::field;

pub(super) fn check(scene: &Scene, seen: &Seen, leaves: Leaves) -> Result<(), Failed> {
    if !scene.soon(|| health(scene) == 200) {
        scene.find("the sidecar doesn't get well again");
        return Ok(());
    }
    let told = scene.ask().unwrap_or_default();
    if !told.to_string().contains("status: pending") {
        scene.find(&format!("afterwards an agent is told {told}"));
    }
    let Some(listed) = listed(scene) else {
        return Ok(());
    };
    if leaves == Leaves::All {
        for id in &seen.acknowledged {
            if !listed.contains(id) {
                scene.find("a proposal that was acknowledged meanwhile is gone");
            }
        }
    }
    if leaves == Leaves::Nothing && !seen.acknowledged.is_empty() {
        scene.find("a proposal was acknowledged while there was nothing to keep it in");
    }
    if leaves == Leaves::Nothing && listed.contains(&scene.pending.id) {
        scene.find("what was removed is listed");
    }
    // An older file knows nothing of a decision that was made since.
    if leaves == Leaves::All || (leaves == Leaves::OlderFile && !seen.was_approved()) {
        decided_once(scene, seen, &listed)?;
    }
    for database in ["bot-bottle.db".to_owned(), format!("queue/{SLUG}/supervise.db")] {
        let integrity = scene.world.integrity(&database)?;
        if integrity != "ok" {
            scene.find(&format!("{database}: {integrity}"));
        }
    }
    scene.world.expect_no_panic(scene.ledger);
    Ok(())
}

/// What is pending. The first to look finishes or undoes what was interrupted, and on a busy machine a bottle may
/// need longer than its quarter of a second.
fn listed(scene: &Scene) -> Option<Vec<String>> {
    let mut said = scene.world.said(&["list", "--json"]);
    scene.soon(|| {
        said = scene.world.said(&["list", "--json"]);
        said.is_ok()
    });
    match said {
        Ok(said) => {
            let listed: Vec<Value> = serde_json::from_str(&said).unwrap_or_default();
            Some(listed.iter().map(|one| field(one, "id").to_owned()).collect())
        }
        Err(failed) => {
            scene.find(&format!("afterwards: {}", failed.reason()));
            None
        }
    }
}

/// The pending proposal is approved, now or then, and that shows everywhere exactly once.
fn decided_once(scene: &Scene, seen: &Seen, listed: &[String]) -> Result<(), Failed> {
    let id = &scene.pending.id;
    if listed.contains(id) {
        if seen.was_approved() {
            scene.find("it was approved, and is pending again");
        }
        if scene.world.said(&["routes", "show", SLUG])?.contains(PENDING) {
            scene.find("it is pending, and its route is there");
        }
        if let Err(failed) = scene.world.said(&["approve", id]) {
            scene.find(&format!("afterwards: {}", failed.reason()));
            return Ok(());
        }
    }
    let routes = scene.world.said(&["routes", "show", SLUG])?;
    let open = routes.matches(PENDING).count();
    let exported = scene.world.said(&["audit", "export"])?;
    let entries: Vec<Value> = exported
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|entry| field(entry, "proposal_id") == id && field(entry, "operator_action") == "approved")
        .collect();
    if open != 1 || entries.len() != 1 {
        scene.find(&format!(
            "approved once, it has {open} routes and {} audit entries",
            entries.len()
        ));
    }
    if let Err(failed) = scene.world.said(&["audit", "verify"]) {
        scene.find(&format!("afterwards: {}", failed.reason()));
    }
    Ok(())
}
