//! A bottle's queue. The first two tables are shared with the other program; everything else is ours.
//!
//! The triggers are plain SQL, so they bind every program that writes the file. A `BEFORE INSERT` trigger
//! sees a REPLACE before it deletes anything, which the UPDATE and DELETE triggers never would.

use super::{Extra, Others, Schema, Table};

pub(crate) static QUEUE: Schema = Schema {
    shared: &SHARED,
    own: &OWN,
    added: &ADDED,
    extras: &EXTRAS,
    others: Others::Refused,
};

static SHARED: [Table; 2] = [
    Table {
        name: "supervise_proposals",
        sql: "CREATE TABLE supervise_proposals (
    id TEXT PRIMARY KEY,
    bottle_slug TEXT NOT NULL,
    tool TEXT NOT NULL,
    proposed_file TEXT NOT NULL,
    justification TEXT NOT NULL,
    arrival_timestamp TEXT NOT NULL,
    current_file_hash TEXT NOT NULL,
    archived INTEGER NOT NULL DEFAULT 0
)",
        pragma: "PRAGMA main.table_xinfo(supervise_proposals)",
        columns: &[
            ("id", "TEXT"),
            ("bottle_slug", "TEXT"),
            ("tool", "TEXT"),
            ("proposed_file", "TEXT"),
            ("justification", "TEXT"),
            ("arrival_timestamp", "TEXT"),
            ("current_file_hash", "TEXT"),
            ("archived", "INTEGER"),
        ],
    },
    Table {
        name: "supervise_responses",
        sql: "CREATE TABLE supervise_responses (
    proposal_id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    notes TEXT NOT NULL,
    final_file TEXT,
    archived INTEGER NOT NULL DEFAULT 0
)",
        pragma: "PRAGMA main.table_xinfo(supervise_responses)",
        columns: &[
            ("proposal_id", "TEXT"),
            ("status", "TEXT"),
            ("notes", "TEXT"),
            ("final_file", "TEXT"),
            ("archived", "INTEGER"),
        ],
    },
];

static OWN: [Table; 5] = [
    // A decision that is being carried out: from here on it has one winner.
    Table {
        name: "supervise_claims",
        sql: "CREATE TABLE supervise_claims (
    proposal_id TEXT PRIMARY KEY,
    token TEXT NOT NULL,
    claimed_at TEXT NOT NULL
)",
        pragma: "PRAGMA main.table_xinfo(supervise_claims)",
        columns: &[("proposal_id", "TEXT"), ("token", "TEXT"), ("claimed_at", "TEXT")],
    },
    // How many later calls asked for the same.
    Table {
        name: "supervise_joins",
        sql: "CREATE TABLE supervise_joins (
    proposal_id TEXT PRIMARY KEY,
    joined INTEGER NOT NULL
)",
        pragma: "PRAGMA main.table_xinfo(supervise_joins)",
        columns: &[("proposal_id", "TEXT"), ("joined", "INTEGER")],
    },
    // Beside a response of ours: whether the decision took effect.
    Table {
        name: "supervise_outcomes",
        sql: "CREATE TABLE supervise_outcomes (
    proposal_id TEXT PRIMARY KEY,
    applied TEXT NOT NULL
)",
        pragma: "PRAGMA main.table_xinfo(supervise_outcomes)",
        columns: &[("proposal_id", "TEXT"), ("applied", "TEXT")],
    },
    // Since when a proposal is withdrawn, for its deletion an hour later.
    Table {
        name: "supervise_withdrawals",
        sql: "CREATE TABLE supervise_withdrawals (
    proposal_id TEXT PRIMARY KEY,
    withdrawn_at TEXT NOT NULL
)",
        pragma: "PRAGMA main.table_xinfo(supervise_withdrawals)",
        columns: &[("proposal_id", "TEXT"), ("withdrawn_at", "TEXT")],
    },
    // When a proposal's last caller was first told that nobody decided in time.
    Table {
        name: "supervise_timeouts",
        sql: "CREATE TABLE supervise_timeouts (
    proposal_id TEXT PRIMARY KEY,
    timed_out_at TEXT NOT NULL
)",
        pragma: "PRAGMA main.table_xinfo(supervise_timeouts)",
        columns: &[("proposal_id", "TEXT"), ("timed_out_at", "TEXT")],
    },
];

// Without a trigger or an index of its own: a program of the version before would refuse the whole file for it.
static ADDED: [Table; 1] = [
    // Until when an identical ask is answered with an earlier rejection, which may be archived by then.
    Table {
        name: "supervise_refusals",
        sql: "CREATE TABLE supervise_refusals (
    payload TEXT PRIMARY KEY,
    proposal_id TEXT NOT NULL,
    notes TEXT NOT NULL,
    refused_at TEXT NOT NULL,
    refused_until TEXT NOT NULL
)",
        pragma: "PRAGMA main.table_xinfo(supervise_refusals)",
        columns: &[
            ("payload", "TEXT"),
            ("proposal_id", "TEXT"),
            ("notes", "TEXT"),
            ("refused_at", "TEXT"),
            ("refused_until", "TEXT"),
        ],
    },
];

static EXTRAS: [Extra; 13] = [
    // What is listed and joined is found among the pending rows, however many were ever queued.
    Extra {
        name: "supervise_proposals_pending",
        sql: "CREATE INDEX supervise_proposals_pending ON supervise_proposals (arrival_timestamp, id) WHERE archived = 0",
    },
    Extra {
        name: "supervise_proposals_payload",
        sql: "CREATE INDEX supervise_proposals_payload ON supervise_proposals (current_file_hash) WHERE archived = 0",
    },
    Extra {
        name: "supervise_proposals_once",
        sql: "CREATE TRIGGER supervise_proposals_once BEFORE INSERT ON supervise_proposals
WHEN EXISTS (SELECT 1 FROM supervise_proposals WHERE id = NEW.id OR (rowid = NEW.rowid AND NEW.rowid > 0))
BEGIN SELECT RAISE(ABORT, 'this proposal exists already'); END",
    },
    // A row number below one can't be told from "not given" before the insert, so it is refused after it.
    Extra {
        name: "supervise_proposals_numbered",
        sql: "CREATE TRIGGER supervise_proposals_numbered AFTER INSERT ON supervise_proposals
WHEN NEW.rowid < 1
BEGIN SELECT RAISE(ABORT, 'a row number below one'); END",
    },
    Extra {
        name: "supervise_responses_numbered",
        sql: "CREATE TRIGGER supervise_responses_numbered AFTER INSERT ON supervise_responses
WHEN NEW.rowid < 1
BEGIN SELECT RAISE(ABORT, 'a row number below one'); END",
    },
    Extra {
        name: "supervise_proposals_fixed",
        sql: "CREATE TRIGGER supervise_proposals_fixed BEFORE UPDATE ON supervise_proposals
WHEN NOT (NEW.rowid IS OLD.rowid AND NEW.id IS OLD.id AND NEW.bottle_slug IS OLD.bottle_slug AND NEW.tool IS OLD.tool
  AND NEW.proposed_file IS OLD.proposed_file AND NEW.justification IS OLD.justification
  AND NEW.arrival_timestamp IS OLD.arrival_timestamp AND NEW.current_file_hash IS OLD.current_file_hash
  AND (NEW.archived IS OLD.archived OR (OLD.archived = 0 AND NEW.archived = 1)))
BEGIN SELECT RAISE(ABORT, 'a stored proposal can only be archived'); END",
    },
    Extra {
        name: "supervise_proposals_claimed",
        sql: "CREATE TRIGGER supervise_proposals_claimed BEFORE UPDATE ON supervise_proposals
WHEN NEW.archived <> OLD.archived AND EXISTS (SELECT 1 FROM supervise_claims WHERE proposal_id = OLD.id)
BEGIN SELECT RAISE(ABORT, 'this proposal is being decided'); END",
    },
    Extra {
        name: "supervise_proposals_kept",
        sql: "CREATE TRIGGER supervise_proposals_kept BEFORE DELETE ON supervise_proposals
WHEN OLD.archived = 0
BEGIN SELECT RAISE(ABORT, 'only an archived proposal can be deleted'); END",
    },
    Extra {
        name: "supervise_responses_once",
        sql: "CREATE TRIGGER supervise_responses_once BEFORE INSERT ON supervise_responses
WHEN EXISTS (SELECT 1 FROM supervise_responses WHERE proposal_id = NEW.proposal_id OR (rowid = NEW.rowid AND NEW.rowid > 0))
BEGIN SELECT RAISE(ABORT, 'this proposal is already answered'); END",
    },
    Extra {
        name: "supervise_responses_in_time",
        sql: "CREATE TRIGGER supervise_responses_in_time BEFORE INSERT ON supervise_responses
WHEN EXISTS (SELECT 1 FROM supervise_proposals WHERE id = NEW.proposal_id AND archived <> 0)
BEGIN SELECT RAISE(ABORT, 'this proposal is archived'); END",
    },
    Extra {
        name: "supervise_responses_unclaimed",
        sql: "CREATE TRIGGER supervise_responses_unclaimed BEFORE INSERT ON supervise_responses
WHEN EXISTS (SELECT 1 FROM supervise_claims WHERE proposal_id = NEW.proposal_id)
BEGIN SELECT RAISE(ABORT, 'this proposal is being decided'); END",
    },
    Extra {
        name: "supervise_responses_fixed",
        sql: "CREATE TRIGGER supervise_responses_fixed BEFORE UPDATE ON supervise_responses
WHEN NOT (NEW.rowid IS OLD.rowid AND NEW.proposal_id IS OLD.proposal_id AND NEW.status IS OLD.status
  AND NEW.notes IS OLD.notes AND NEW.final_file IS OLD.final_file
  AND (NEW.archived IS OLD.archived OR (OLD.archived = 0 AND NEW.archived = 1)))
BEGIN SELECT RAISE(ABORT, 'a stored response can only be archived'); END",
    },
    Extra {
        name: "supervise_responses_kept",
        sql: "CREATE TRIGGER supervise_responses_kept BEFORE DELETE ON supervise_responses
WHEN OLD.archived = 0
BEGIN SELECT RAISE(ABORT, 'only an archived response can be deleted'); END",
    },
];
