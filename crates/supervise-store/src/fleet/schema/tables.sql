-- The tables of a fleet. What is stored is never changed: how a proposal goes on stands in rows of its own, so
-- that no lock of a bottle's keeps an operator from answering.
--
-- Texts that people and agents write are bytes, since a text of PostgreSQL can't hold every one of UTF-8.

CREATE TABLE supervise.versions (
    version integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- Which role is which bottle. Only the owner writes here; a bottle without a role has been removed.
CREATE TABLE supervise.bottles (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug text COLLATE "C" NOT NULL UNIQUE
        CHECK (slug ~ '^[a-z0-9][a-z0-9._-]{0,62}$' AND position('..' IN slug) = 0),
    role name UNIQUE,
    added_at timestamptz NOT NULL DEFAULT now()
);

-- The key begins with the bottle: ids alone would tell one bottle which of them another has.
CREATE TABLE supervise.proposals (
    bottle_slug text COLLATE "C" NOT NULL REFERENCES supervise.bottles (slug),
    id text COLLATE "C" NOT NULL
        CHECK (id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'),
    tool text NOT NULL CHECK (octet_length(tool) <= 512),
    proposed_file bytea NOT NULL CHECK (octet_length(proposed_file) <= 4194304),
    justification bytea NOT NULL CHECK (octet_length(justification) <= 4194304),
    arrival_timestamp text COLLATE "C" NOT NULL CHECK (octet_length(arrival_timestamp) <= 512),
    current_file_hash text NOT NULL CHECK (octet_length(current_file_hash) <= 512),
    stored_at timestamptz NOT NULL DEFAULT now(),
    -- What is locked while it is decided. A number given here can't be that of another bottle's proposal.
    claim_key bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    PRIMARY KEY (bottle_slug, id)
);
CREATE INDEX proposals_id ON supervise.proposals (id);
CREATE INDEX proposals_stored ON supervise.proposals (bottle_slug, stored_at);

-- What can be decided. A row goes with the answer or the withdrawal, both under the proposal's claim.
CREATE TABLE supervise.pending (
    bottle_slug text COLLATE "C" NOT NULL,
    arrival_timestamp text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    bytes bigint NOT NULL,
    PRIMARY KEY (bottle_slug, arrival_timestamp, id),
    FOREIGN KEY (bottle_slug, id) REFERENCES supervise.proposals ON DELETE CASCADE
);
CREATE UNIQUE INDEX pending_id ON supervise.pending (bottle_slug, id);

-- What a bottle says of its own proposals, beside withdrawing them.
CREATE TABLE supervise.marks (
    bottle_slug text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    joined bigint NOT NULL DEFAULT 0 CHECK (joined >= 0),
    timed_out_at timestamptz,
    delivered_at timestamptz,
    PRIMARY KEY (bottle_slug, id),
    FOREIGN KEY (bottle_slug, id) REFERENCES supervise.proposals ON DELETE CASCADE
);

CREATE TABLE supervise.withdrawals (
    bottle_slug text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    withdrawn_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bottle_slug, id),
    FOREIGN KEY (bottle_slug, id) REFERENCES supervise.proposals ON DELETE CASCADE
);

-- An entry with its origin and its line of the chain in one row: none can be there without the others.
CREATE TABLE supervise.audit_entries (
    bottle_slug text COLLATE "C" NOT NULL REFERENCES supervise.bottles (slug),
    id bigint NOT NULL CHECK (id > 0),
    timestamp text NOT NULL CHECK (octet_length(timestamp) <= 512),
    component text NOT NULL CHECK (octet_length(component) <= 512),
    operator_action text NOT NULL CHECK (octet_length(operator_action) <= 512),
    operator_notes bytea NOT NULL CHECK (octet_length(operator_notes) <= 4194304),
    justification bytea NOT NULL CHECK (octet_length(justification) <= 4194304),
    diff bytea NOT NULL CHECK (octet_length(diff) <= 16777216),
    proposal_id text COLLATE "C" CHECK (octet_length(proposal_id) <= 512),
    tool text CHECK (octet_length(tool) <= 512),
    operator text CHECK (octet_length(operator) <= 512),
    via text CHECK (octet_length(via) <= 512),
    digest text CHECK (octet_length(digest) <= 512),
    prev text NOT NULL CHECK (prev ~ '^([0-9a-f]{64})?$'),
    hash text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
    appended_at timestamptz NOT NULL DEFAULT now(),
    appended_by name NOT NULL DEFAULT session_user,
    PRIMARY KEY (bottle_slug, id)
);

-- The chain's last line of each bottle, locked by whoever appends.
CREATE TABLE supervise.audit_heads (
    bottle_slug text COLLATE "C" PRIMARY KEY REFERENCES supervise.bottles (slug),
    id bigint NOT NULL DEFAULT 0,
    hash text NOT NULL DEFAULT ''
);

-- No answer without its audit entry.
CREATE TABLE supervise.responses (
    bottle_slug text COLLATE "C" NOT NULL,
    proposal_id text COLLATE "C" NOT NULL,
    status text NOT NULL CHECK (status IN ('approved', 'modified', 'rejected')),
    notes bytea NOT NULL CHECK (octet_length(notes) <= 4194304),
    final_file bytea CHECK (octet_length(final_file) <= 4194304),
    applied boolean,
    refused_at text CHECK (octet_length(refused_at) <= 512),
    refused_until text COLLATE "C" CHECK (octet_length(refused_until) <= 512),
    audit_id bigint NOT NULL,
    responded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bottle_slug, proposal_id),
    FOREIGN KEY (bottle_slug, proposal_id) REFERENCES supervise.proposals ON DELETE CASCADE,
    FOREIGN KEY (bottle_slug, audit_id) REFERENCES supervise.audit_entries,
    CHECK ((refused_at IS NULL) = (refused_until IS NULL)),
    CHECK (refused_at IS NULL OR status = 'rejected'),
    CHECK ((final_file IS NULL) = (status = 'rejected'))
);

-- What a bottle hears of, numbered without gaps in the order of the commits: the row of the last number is locked
-- until then. Each side has its own, so that a bottle that keeps its lock stops no operator.
CREATE TABLE supervise.events (
    bottle_slug text COLLATE "C" NOT NULL,
    side text NOT NULL CHECK (side IN ('bottle', 'operator')),
    number bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('proposed', 'answered', 'reopened', 'withdrawn')),
    proposal_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (bottle_slug, side, number),
    FOREIGN KEY (bottle_slug, proposal_id) REFERENCES supervise.proposals ON DELETE CASCADE
);
CREATE INDEX events_proposal ON supervise.events (bottle_slug, proposal_id);

CREATE TABLE supervise.event_heads (
    bottle_slug text COLLATE "C" NOT NULL REFERENCES supervise.bottles (slug),
    side text NOT NULL,
    number bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (bottle_slug, side)
) WITH (fillfactor = 50);
