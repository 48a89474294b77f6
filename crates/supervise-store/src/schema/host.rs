//! The host's database. The audit table is shared with the other program, which may keep more in the
//! file; everything else here is ours.

use super::{Extra, Others, Schema, Table};

pub(crate) static HOST: Schema = Schema {
    shared: &SHARED,
    own: &OWN,
    added: &ADDED,
    extras: &EXTRAS,
    others: Others::OnlyBesideOurTables,
};

static SHARED: [Table; 1] = [Table {
    name: "supervise_audit_entries",
    sql: "CREATE TABLE supervise_audit_entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp TEXT NOT NULL,
    bottle_slug TEXT NOT NULL,
    component TEXT NOT NULL,
    operator_action TEXT NOT NULL,
    operator_notes TEXT NOT NULL,
    justification TEXT NOT NULL,
    diff TEXT NOT NULL
)",
    pragma: "PRAGMA main.table_xinfo(supervise_audit_entries)",
    columns: &[
        ("id", "INTEGER"),
        ("timestamp", "TEXT"),
        ("bottle_slug", "TEXT"),
        ("component", "TEXT"),
        ("operator_action", "TEXT"),
        ("operator_notes", "TEXT"),
        ("justification", "TEXT"),
        ("diff", "TEXT"),
    ],
}];

static OWN: [Table; 4] = [
    // Beside an entry of ours: which proposal, and who decided how. NULL where nothing is known.
    Table {
        name: "supervise_audit_origins",
        sql: "CREATE TABLE supervise_audit_origins (
    id INTEGER PRIMARY KEY,
    proposal_id TEXT,
    tool TEXT,
    operator TEXT,
    via TEXT,
    digest TEXT
)",
        pragma: "PRAGMA main.table_xinfo(supervise_audit_origins)",
        columns: &[
            ("id", "INTEGER"),
            ("proposal_id", "TEXT"),
            ("tool", "TEXT"),
            ("operator", "TEXT"),
            ("via", "TEXT"),
            ("digest", "TEXT"),
        ],
    },
    // Each entry's hash over itself and the hash before it; adopted marks entries another program wrote.
    Table {
        name: "supervise_audit_chain",
        sql: "CREATE TABLE supervise_audit_chain (
    id INTEGER PRIMARY KEY,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL,
    adopted INTEGER NOT NULL
)",
        pragma: "PRAGMA main.table_xinfo(supervise_audit_chain)",
        columns: &[
            ("id", "INTEGER"),
            ("prev", "TEXT"),
            ("hash", "TEXT"),
            ("adopted", "INTEGER"),
        ],
    },
    // Decisions between claim and answer: what a crash left, whoever locks next finishes or undoes.
    Table {
        name: "supervise_intents",
        sql: "CREATE TABLE supervise_intents (
    token TEXT PRIMARY KEY,
    bottle_slug TEXT NOT NULL,
    proposal TEXT NOT NULL,
    digest TEXT NOT NULL,
    status TEXT NOT NULL,
    notes TEXT NOT NULL,
    final_file TEXT,
    diff TEXT NOT NULL,
    operator TEXT NOT NULL,
    via TEXT NOT NULL,
    effect TEXT,
    applied TEXT,
    audit_id INTEGER
)",
        pragma: "PRAGMA main.table_xinfo(supervise_intents)",
        columns: &[
            ("token", "TEXT"),
            ("bottle_slug", "TEXT"),
            ("proposal", "TEXT"),
            ("digest", "TEXT"),
            ("status", "TEXT"),
            ("notes", "TEXT"),
            ("final_file", "TEXT"),
            ("diff", "TEXT"),
            ("operator", "TEXT"),
            ("via", "TEXT"),
            ("effect", "TEXT"),
            ("applied", "TEXT"),
            ("audit_id", "INTEGER"),
        ],
    },
    // The digest under which each proposal was first shown.
    Table {
        name: "supervise_shown",
        sql: "CREATE TABLE supervise_shown (
    bottle_slug TEXT NOT NULL,
    proposal_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    shown_at TEXT NOT NULL,
    PRIMARY KEY (bottle_slug, proposal_id)
)",
        pragma: "PRAGMA main.table_xinfo(supervise_shown)",
        columns: &[
            ("bottle_slug", "TEXT"),
            ("proposal_id", "TEXT"),
            ("digest", "TEXT"),
            ("shown_at", "TEXT"),
        ],
    },
];

static ADDED: [Table; 3] = [
    // Beside the intent of a rejection: for how many seconds it will stick.
    Table {
        name: "supervise_intent_refusals",
        sql: "CREATE TABLE supervise_intent_refusals (
    token TEXT PRIMARY KEY,
    seconds INTEGER NOT NULL
)",
        pragma: "PRAGMA main.table_xinfo(supervise_intent_refusals)",
        columns: &[("token", "TEXT"), ("seconds", "INTEGER")],
    },
    // The live file, as its digest, against which each proposal's diff was last shown.
    Table {
        name: "supervise_shown_files",
        sql: "CREATE TABLE supervise_shown_files (
    bottle_slug TEXT NOT NULL,
    proposal_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    file TEXT NOT NULL,
    shown_at TEXT NOT NULL,
    PRIMARY KEY (bottle_slug, proposal_id, digest)
)",
        pragma: "PRAGMA main.table_xinfo(supervise_shown_files)",
        columns: &[
            ("bottle_slug", "TEXT"),
            ("proposal_id", "TEXT"),
            ("digest", "TEXT"),
            ("file", "TEXT"),
            ("shown_at", "TEXT"),
        ],
    },
    // Beside an entry of ours that modified a proposal: the proposal as it was, as JSON. The entry's origin has its
    // digest, which is hashed into the chain, and the digest covers every byte of it.
    Table {
        name: "supervise_audit_proposals",
        sql: "CREATE TABLE supervise_audit_proposals (
    id INTEGER PRIMARY KEY,
    proposal TEXT NOT NULL
)",
        pragma: "PRAGMA main.table_xinfo(supervise_audit_proposals)",
        columns: &[("id", "INTEGER"), ("proposal", "TEXT")],
    },
];

macro_rules! append_only {
    ($table:literal, $once:literal, $fixed:literal, $kept:literal) => {
        [
            Extra {
                name: $once,
                sql: concat!(
                    "CREATE TRIGGER ",
                    $once,
                    " BEFORE INSERT ON ",
                    $table,
                    "\n",
                    "WHEN EXISTS (SELECT 1 FROM ",
                    $table,
                    " WHERE id = NEW.id)\n",
                    "BEGIN SELECT RAISE(ABORT, 'this audit entry exists already'); END"
                ),
            },
            Extra {
                name: $fixed,
                sql: concat!(
                    "CREATE TRIGGER ",
                    $fixed,
                    " BEFORE UPDATE ON ",
                    $table,
                    "\n",
                    "BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END"
                ),
            },
            Extra {
                name: $kept,
                sql: concat!(
                    "CREATE TRIGGER ",
                    $kept,
                    " BEFORE DELETE ON ",
                    $table,
                    "\n",
                    "BEGIN SELECT RAISE(ABORT, 'audit entries are never deleted'); END"
                ),
            },
        ]
    };
}

static EXTRAS: [Extra; 9] = {
    let [a, b, c] = append_only!(
        "supervise_audit_entries",
        "supervise_audit_entries_once",
        "supervise_audit_entries_fixed",
        "supervise_audit_entries_kept"
    );
    let [d, e, f] = append_only!(
        "supervise_audit_origins",
        "supervise_audit_origins_once",
        "supervise_audit_origins_fixed",
        "supervise_audit_origins_kept"
    );
    let [g, h, i] = append_only!(
        "supervise_audit_chain",
        "supervise_audit_chain_once",
        "supervise_audit_chain_fixed",
        "supervise_audit_chain_kept"
    );
    [a, b, c, d, e, f, g, h, i]
};
