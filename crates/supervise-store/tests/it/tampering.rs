//! Every kind of tampering with a log, each in many random places: every one is found, at its place.

use supervise_store::Problem;

use crate::log::{Log, is_adopted};

/// SplitMix64: the same places in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn between(&mut self, first: i64, last: i64) -> i64 {
        first + (self.next() % (last - first + 1) as u64) as i64
    }
}

/// One kind of tampering.
struct Kind {
    name: &'static str,
    /// The statements that do it at entry `id`, with another entry `other` behind it.
    statements: fn(id: i64, other: i64) -> String,
    /// On which entries it can be done.
    on: fn(i64) -> bool,
    /// The entry that must be named.
    named: fn(id: i64) -> i64,
}

const ANY: fn(i64) -> bool = |_| true;
const OURS: fn(i64) -> bool = |id| !is_adopted(id);
const ADOPTED: fn(i64) -> bool = is_adopted;
const ITSELF: fn(i64) -> i64 = |id| id;

macro_rules! kinds {
    ($group:ident: $($name:literal, $on:ident, $named:expr => $statements:expr;)*) => {
        const $group: &[Kind] = &[$(Kind { name: $name, statements: $statements, on: $on, named: $named }),*];
    };
}

/// A change of one column.
fn set(table: &str, column: &str, value: &str, id: i64) -> String {
    format!("UPDATE supervise_audit_{table} SET {column} = {value} WHERE id = {id}")
}

fn delete(tables: &[&str], condition: &str) -> String {
    let one = |table: &&str| format!("DELETE FROM supervise_audit_{table} WHERE {condition};");
    tables.iter().map(one).collect()
}

/// Moves everything from `id` on up by one, by way of numbers that are free.
fn shift(tables: &[&str], id: i64) -> String {
    let one = |table: &&str| {
        format!(
            "UPDATE supervise_audit_{table} SET id = -id WHERE id >= {id};
             UPDATE supervise_audit_{table} SET id = 1 - id WHERE id < 0;"
        )
    };
    tables.iter().map(one).collect()
}

fn swap(tables: &[&str], id: i64, other: i64) -> String {
    let one = |table: &&str| {
        format!(
            "UPDATE supervise_audit_{table} SET id = -1 WHERE id = {id};
             UPDATE supervise_audit_{table} SET id = {id} WHERE id = {other};
             UPDATE supervise_audit_{table} SET id = {other} WHERE id = -1;"
        )
    };
    tables.iter().map(one).collect()
}

/// A copy of a neighbour, so that nothing about it looks odd.
fn insert(id: i64, like: i64) -> String {
    format!(
        "INSERT INTO supervise_audit_entries SELECT {id}, timestamp, bottle_slug, component, operator_action,
         operator_notes, justification, diff FROM supervise_audit_entries WHERE id = {like};"
    )
}

const ALL: [&str; 3] = ["entries", "origins", "chain"];

kinds! {
    CHANGES:
    "timestamp", ANY, ITSELF => |id, _| set("entries", "timestamp", "'2026-11-20T23:23:57+00:00'", id);
    "bottle", ANY, ITSELF => |id, _| set("entries", "bottle_slug", "'other'", id);
    "component", ANY, ITSELF => |id, _| set("entries", "component", "'capability'", id);
    "action", ANY, ITSELF => |id, _| set("entries", "operator_action", "'rejected'", id);
    "notes", ANY, ITSELF => |id, _| set("entries", "operator_notes", "operator_notes || ' '", id);
    "justification", ANY, ITSELF => |id, _| set("entries", "justification", "upper(justification)", id);
    "diff", ANY, ITSELF => |id, _| set("entries", "diff", "''", id);
    "a letter moved to the next column", ANY, ITSELF => |id, _| set("entries", "justification",
        "substr(operator_notes, -1) || justification, operator_notes = substr(operator_notes, 1, length(operator_notes) - 1)", id);
    "bytes instead of text", OURS, ITSELF => |id, _| set("entries", "diff", "CAST(diff AS BLOB)", id);
    "proposal", OURS, ITSELF => |id, _| set("origins", "proposal_id", "'x'", id);
    "tool", OURS, ITSELF => |id, _| set("origins", "tool", "''", id);
    "operator", OURS, ITSELF => |id, _| set("origins", "operator", "'eve'", id);
    "via", OURS, ITSELF => |id, _| set("origins", "via", "NULL", id);
    "digest", OURS, ITSELF => |id, _| set("origins", "digest", "iif(digest IS NULL, '', NULL)", id);
    "origin as bytes", OURS, ITSELF => |id, _| set("origins", "digest", "x'00'", id);
    "prev", ANY, ITSELF => |id, _| set("chain", "prev", "replace(prev, substr(prev, 9, 1), 'z') || 'a'", id);
    "hash", ANY, ITSELF => |id, _| set("chain", "hash", "upper(hash) || 'a'", id);
    "hash of another", ANY, ITSELF => |id, other| set("chain", "hash",
        &format!("(SELECT hash FROM supervise_audit_chain WHERE id = {other})"), id);
    "kind", ANY, ITSELF => |id, _| set("chain", "adopted", "1 - adopted", id);
    "kind without meaning", ANY, ITSELF => |id, _| set("chain", "adopted", "adopted + 2", id);
    "an entry's number", ANY, ITSELF => |id, _| set("entries", "id", "1000000000", id);
}

kinds! {
    DELETIONS:
    "entry deleted", ANY, ITSELF => |id, _| delete(&ALL[..1], &format!("id = {id}"));
    "entry and line deleted", ANY, ITSELF => |id, _| delete(&["entries", "chain"], &format!("id = {id}"));
    "everything of it deleted", ANY, ITSELF => |id, _| delete(&ALL, &format!("id = {id}"));
    "line deleted", ANY, ITSELF => |id, _| delete(&["chain"], &format!("id = {id}"));
    "side row deleted", OURS, ITSELF => |id, _| delete(&["origins"], &format!("id = {id}"));
}

kinds! {
    INSERTIONS:
    "side row inserted", ADOPTED, ITSELF => |id, _| format!("INSERT INTO supervise_audit_origins (id) VALUES ({id})");
    "inserted between, the entries moved", ANY, ITSELF => |id, other| shift(&ALL[..1], id) + &insert(id, other);
    "inserted between, everything moved", ANY, ITSELF => |id, other| shift(&ALL, id) + &insert(id, other);
    "inserted before all", ANY, |id| 1 - id => |id, other| insert(1 - id, other);
}

kinds! {
    REORDERINGS:
    "entries swapped", ANY, ITSELF => |id, other| swap(&ALL[..1], id, other);
    "lines swapped", ANY, ITSELF => |id, other| swap(&["chain"], id, other);
    "everything swapped", ANY, ITSELF => |id, other| swap(&ALL, id, other);
}

kinds! {
    TRUNCATIONS:
    "tail of entries cut", ANY, ITSELF => |id, _| delete(&ALL[..1], &format!("id >= {id}"));
    "tail of lines cut", OURS, ITSELF => |id, _| delete(&["chain"], &format!("id >= {id}"));
    "tail cut", ANY, ITSELF => |id, _| delete(&ALL, &format!("id >= {id}"));
    "tail cut, and the count with it", ANY, ITSELF => |id, _| delete(&ALL, &format!("id >= {id}"))
        + &format!("UPDATE sqlite_sequence SET seq = {id} - 1");
    "tail cut, and another written", ANY, ITSELF => |id, _| delete(&ALL, &format!("id > {id}")) + &set("entries", "diff", "'x'", id);
}

/// Tries kinds of tampering in turn, in `places` random places of a log of `entries`.
async fn every_one_is_found(kinds: &[Kind], entries: i64, places: usize) {
    let mut log = Log::of(entries).await;
    assert_eq!(log.verify().await.problem, None);
    let mut numbers = Numbers(7);
    for kind in kinds.iter().cycle().take(places) {
        let (id, other) = place(&mut numbers, entries, kind.on);
        let attack = format!("BEGIN IMMEDIATE; {}; COMMIT", (kind.statements)(id, other));
        log.sql(&attack).await;
        let problem = log.verify().await.problem;
        assert_named(kind.name, id, problem, (kind.named)(id));
        log.restore(id, entries).await;
    }
    assert_eq!(log.verify().await.problem, None, "everything was put back");
}

fn place(numbers: &mut Numbers, entries: i64, on: fn(i64) -> bool) -> (i64, i64) {
    loop {
        let id = numbers.between(1, entries - 1);
        let other = numbers.between(id + 1, entries);
        if on(id) {
            return (id, other);
        }
    }
}

fn assert_named(name: &str, at: i64, problem: Option<Problem>, named: i64) {
    let id = problem.as_ref().and_then(|problem| problem.id);
    assert_eq!(id, Some(named), "{name} at {at}: {problem:?}");
}

type Edit = fn(&mut Vec<String>, usize, usize);

/// The line `at` is that of entry `at + 1`.
const EDITS: [(&str, Edit); 9] = [
    ("a digit", |lines, at, _| {
        let digit = if lines[at].ends_with('0') { "1" } else { "0" };
        let end = lines[at].len() - 1;
        lines[at].replace_range(end.., digit);
    }),
    ("a number", |lines, at, _| lines[at].insert(0, '9')),
    ("a line missing", |lines, at, _| {
        lines.remove(at);
    }),
    ("lines swapped", |lines, at, other| lines.swap(at, other)),
    ("garbage", |lines, at, _| lines[at] = "x".into()),
    ("garbage between", |lines, at, _| {
        lines.insert(at, "no line of ours".into())
    }),
    ("an empty line", |lines, at, _| lines.insert(at, String::new())),
    ("a line that is too long", |lines, at, _| {
        lines[at] += &"0".repeat(1000)
    }),
    ("another line twice", |lines, at, other| {
        lines.insert(at, lines[other].clone())
    }),
];

async fn every_edit_of_the_anchor_is_found(entries: i64, places: usize) {
    let log = Log::of(entries).await;
    let mut numbers = Numbers(8);
    let whole: Vec<String> = log.anchor.lines().map(str::to_owned).collect();
    for (name, edit) in EDITS.iter().cycle().take(places) {
        let (id, other) = place(&mut numbers, entries, ANY);
        let mut lines = whole.clone();
        edit(&mut lines, (id - 1) as usize, (other - 1) as usize);
        log.set_anchor(&lines);
        let problem = log.verify().await.problem;
        assert_named(name, id, problem, id);
    }
    log.set_anchor(&whole);
    assert_eq!(log.verify().await.problem, None);
}

#[tokio::test]
async fn any_change_of_a_short_log_is_found() {
    for kinds in [CHANGES, DELETIONS, INSERTIONS, REORDERINGS, TRUNCATIONS] {
        every_one_is_found(kinds, 60, 4 * kinds.len()).await;
    }
    every_edit_of_the_anchor_is_found(60, 4 * EDITS.len()).await;
}

/// Kinds of one sort share 200 places, or have 200 each in a release build, which is ten times as fast.
fn places(kinds: usize) -> usize {
    if cfg!(debug_assertions) { 200 } else { 200 * kinds }
}

macro_rules! in_a_long_log {
    ($($test:ident: $kinds:ident;)*) => {
        $(#[tokio::test]
        #[ignore = "takes minutes"]
        async fn $test() {
            every_one_is_found($kinds, 10_000, places($kinds.len())).await;
        })*
    };
}

in_a_long_log! {
    changes_of_ten_thousand_entries_are_found: CHANGES;
    deletions_from_ten_thousand_entries_are_found: DELETIONS;
    insertions_among_ten_thousand_entries_are_found: INSERTIONS;
    reorderings_of_ten_thousand_entries_are_found: REORDERINGS;
    truncations_of_ten_thousand_entries_are_found: TRUNCATIONS;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn edits_of_an_anchor_of_ten_thousand_lines_are_found() {
    every_edit_of_the_anchor_is_found(10_000, places(EDITS.len())).await;
}
