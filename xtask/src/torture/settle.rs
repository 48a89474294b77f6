//! What was promised against what is there once everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::ledger::{Book, Ledger};
use super::operator::field;
use super::world::{Queue, World};
use super::{agents, operator};
use crate::command::Failed;

/// So many of a bottle's proposals are listed at most.
const LISTED: usize = 1000;

/// Every promise in the ledger against what is there now.
pub(super) fn check(world: &World, ledger: &Ledger) -> Result<(), Failed> {
    let bottle = &world.bottles[0];
    // Whoever comes next finishes or undoes what was interrupted.
    operator::list_at_rest(world, ledger);
    let acknowledged = ledger.book().acknowledged.clone();
    let pending: Vec<String> = operator::list_at_rest(world, ledger)
        .iter()
        .map(|one| field(one, "id").to_owned())
        .collect();
    let told = ledger.book().told.clone();
    for id in &pending {
        let book = ledger.book();
        let status = book.told.get(id).or_else(|| book.decided.get(id)).cloned();
        drop(book);
        if let Some(status) = status {
            ledger.find(format!("{id} was {status}, and is pending again"));
        }
    }
    for (id, host) in acknowledged.iter().filter(|(id, _)| !pending.contains(id)) {
        // A bottle without a database forgets what has arrived, once there is much of it.
        if world.queue != Queue::Sqlite && told.contains_key(id) {
            continue;
        }
        // Of very many only the oldest are listed, and from a queue of files no more are taken in.
        let is_left_out =
            || pending.len() >= LISTED && (operator::is_there(world, id) || bottle.has_in_file(id));
        if !agents::check(bottle, ledger, id, host) && !is_left_out() {
            ledger.find(format!("{id} ({host}) is neither pending nor decided"));
        }
    }
    let entries = audit(world)?;
    let allowed = routes(world, &bottle.slug)?;
    let findings = {
        let book = ledger.book();
        check_decisions(&book, &entries, &allowed)
    };
    findings.into_iter().for_each(|finding| ledger.find(finding));
    world.expect_no_panic(ledger);
    // Being too slow excuses a verb, and not all of them.
    if ledger.book().decided.is_empty() {
        ledger.find("no operator decided anything".to_owned());
    }
    if world.cluster.is_some() {
        world.said(&["fleet", "verify"])?;
    }
    let databases = world.database(&bottle.slug).into_iter();
    for database in databases.chain(["bot-bottle.db".to_owned()]) {
        let answer = world.integrity(&database)?;
        if answer != "ok" {
            ledger.find(format!("{database}: {answer}"));
        }
    }
    Ok(())
}

/// The entries that decided a proposal, by its id.
type Entries = BTreeMap<String, Vec<Value>>;

fn check_decisions(book: &Book, entries: &Entries, allowed: &[String]) -> Vec<String> {
    let mut findings = Vec::new();
    for (id, status) in book.told.iter().chain(&book.decided) {
        let actions: Vec<&str> = entries
            .get(id)
            .map(|entries| {
                entries
                    .iter()
                    .map(|entry| field(entry, "operator_action"))
                    .collect()
            })
            .unwrap_or_default();
        if actions != [status.as_str()] {
            let entries = entries.get(id);
            findings.push(format!(
                "{id} is {status}, and its audit entries say {actions:?}: {entries:?}"
            ));
        }
        let host = book.acknowledged.get(id).map_or("", String::as_str);
        let open = allowed.iter().any(|one| one == host);
        if !host.is_empty() && open != (status == "approved") {
            findings.push(format!(
                "{id} ({host}) is {status}, and its route is there: {open}"
            ));
        }
    }
    let approved: Vec<&String> = entries
        .iter()
        .filter(|(_, entries)| {
            entries
                .iter()
                .any(|entry| field(entry, "operator_action") == "approved")
        })
        .filter_map(|(id, _)| book.acknowledged.get(id))
        .collect();
    let mut seen = BTreeSet::new();
    for host in allowed {
        if !approved.contains(&host) || !seen.insert(host) {
            findings.push(format!("{host} has a route that nobody approved, or two"));
        }
    }
    findings
}

fn audit(world: &World) -> Result<Entries, Failed> {
    world.said(&["audit", "verify"])?;
    let exported = world.said(&["audit", "export"])?;
    let all: Result<Vec<Value>, _> = exported.lines().map(serde_json::from_str).collect();
    let all = all.map_err(|error| Failed::new(format!("audit export: {error}")))?;
    // What failed or was taken back decided nothing, and neither did what a later entry says nobody was told of.
    let undelivered: Vec<i64> = all.iter().filter_map(undelivered).collect();
    let mut entries = Entries::new();
    for entry in all {
        let decides = ["approved", "modified", "rejected"].contains(&field(&entry, "operator_action"));
        let stands = entry["id"].as_i64().is_none_or(|id| !undelivered.contains(&id));
        if decides && stands {
            entries
                .entry(field(&entry, "proposal_id").to_owned())
                .or_default()
                .push(entry);
        }
    }
    Ok(entries)
}

/// The entry that this one takes back: its claim was lost before the answer.
fn undelivered(entry: &Value) -> Option<i64> {
    let failed = field(entry, "operator_action") == "apply-failed";
    let notes = field(entry, "operator_notes").strip_prefix("entry ")?;
    let (id, _) = notes.split_once(" was not delivered: ")?;
    id.parse().ok().filter(|_| failed)
}

/// The hosts in the routes file, which is whole or this fails.
fn routes(world: &World, slug: &str) -> Result<Vec<String>, Failed> {
    let shown = world.said(&["routes", "show", slug, "--json"])?;
    let routes: Value =
        serde_json::from_str(&shown).map_err(|error| Failed::new(format!("routes show: {error}")))?;
    let routes = routes.as_array().or_else(|| routes["routes"].as_array());
    let hosts = routes.map(|routes| routes.iter().map(|route| field(route, "host").to_owned()));
    Ok(hosts.map(Iterator::collect).unwrap_or_default())
}
