-- What an operator may do. A claim is an advisory lock of the operator's session, so it goes with its connection.

-- Whether this very session has the claim.
CREATE FUNCTION supervise.claims(key bigint) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.pid = pg_backend_pid()
        AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
        AND l.classid = ((key >> 32) & 4294967295)::oid AND l.objid = (key & 4294967295)::oid
        AND l.objsubid = 1 AND l.granted)
$$;

-- Whether somebody is deciding it.
CREATE FUNCTION supervise.is_claimed(key bigint) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory'
        AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
        AND l.classid = ((key >> 32) & 4294967295)::oid AND l.objid = (key & 4294967295)::oid
        AND l.objsubid = 1 AND l.granted)
$$;

-- 'claimed', 'no such', 'being decided', 'withdrawn', or the status of the answer.
CREATE FUNCTION supervise.claim(the_slug text, the_id text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key bigint;
    claimed boolean;
    state text;
BEGIN
    SELECT p.claim_key INTO key FROM supervise.proposals p WHERE p.bottle_slug = the_slug AND p.id = the_id;
    IF NOT FOUND THEN
        RETURN 'no such';
    END IF;
    -- A session can take its own lock again, which would give one claim to two.
    claimed := NOT supervise.claims(key) AND pg_try_advisory_lock(key);
    SELECT r.status INTO state FROM supervise.responses r
        WHERE r.bottle_slug = the_slug AND r.proposal_id = the_id;
    IF state IS NULL AND EXISTS (SELECT 1 FROM supervise.withdrawals w
            WHERE w.bottle_slug = the_slug AND w.id = the_id) THEN
        state := 'withdrawn';
    END IF;
    IF state IS NOT NULL AND claimed THEN
        PERFORM pg_advisory_unlock(key);
    END IF;
    RETURN coalesce(state, CASE WHEN claimed THEN 'claimed' ELSE 'being decided' END);
END $$;

CREATE FUNCTION supervise.release(the_slug text, the_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key bigint;
BEGIN
    SELECT p.claim_key INTO key FROM supervise.proposals p WHERE p.bottle_slug = the_slug AND p.id = the_id;
    IF FOUND AND supervise.claims(key) THEN
        PERFORM pg_advisory_unlock(key);
    END IF;
END $$;

-- Answers with the audit entry that was appended in the same transaction.
CREATE FUNCTION supervise.answer(the_slug text, the_id text, the_status text, the_notes bytea, the_file bytea,
    was_applied boolean, refused_from text, refused_to text, the_audit_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key bigint;
BEGIN
    SELECT p.claim_key INTO key FROM supervise.proposals p WHERE p.bottle_slug = the_slug AND p.id = the_id;
    IF NOT FOUND OR NOT supervise.claims(key) THEN
        RAISE EXCEPTION 'the claim was lost' USING ERRCODE = 'SV001';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM supervise.audit_entries e WHERE e.bottle_slug = the_slug
            AND e.id = the_audit_id AND e.proposal_id = the_id AND e.operator_action = the_status) THEN
        RAISE EXCEPTION 'the audit entry is about something else' USING ERRCODE = 'SV002';
    END IF;
    INSERT INTO supervise.responses (bottle_slug, proposal_id, status, notes, final_file, applied, refused_at,
            refused_until, audit_id)
        VALUES (the_slug, the_id, the_status, the_notes, the_file, was_applied, refused_from, refused_to,
            the_audit_id);
    DELETE FROM supervise.pending p WHERE p.bottle_slug = the_slug AND p.id = the_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the proposal is not pending' USING ERRCODE = 'SV003';
    END IF;
    PERFORM supervise.tell(the_slug, 'operator', 'answered', the_id);
END $$;

-- Lifts the refusal of what that proposal asked for.
CREATE FUNCTION supervise.reopen(the_slug text, the_id text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM supervise.proposals p WHERE p.bottle_slug = the_slug AND p.id = the_id) THEN
        RETURN false;
    END IF;
    PERFORM supervise.tell(the_slug, 'operator', 'reopened', the_id);
    RETURN true;
END $$;

-- Queues the proposal of a program on the operator's side.
CREATE FUNCTION supervise.submit(the_slug text, the_id text, the_tool text, the_file bytea, why bytea,
    arrived text, the_hash text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO supervise.proposals (bottle_slug, id, tool, proposed_file, justification, arrival_timestamp,
            current_file_hash)
        VALUES (the_slug, the_id, the_tool, the_file, why, arrived, the_hash);
    PERFORM supervise.tell(the_slug, 'operator', 'proposed', the_id);
END $$;

-- Deletes what was withdrawn an hour ago, and what was delivered before then and is refused no longer.
CREATE FUNCTION supervise.prune(the_slug text, before timestamptz, at_most bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deleted bigint;
BEGIN
    WITH old AS (
        SELECT p.bottle_slug, p.id FROM supervise.proposals p
        WHERE p.bottle_slug = the_slug AND (
            EXISTS (SELECT 1 FROM supervise.withdrawals w WHERE w.bottle_slug = p.bottle_slug AND w.id = p.id
                AND w.withdrawn_at < now() - interval '1 hour')
            OR p.stored_at < before AND EXISTS (SELECT 1 FROM supervise.marks m
                JOIN supervise.responses r ON r.bottle_slug = m.bottle_slug AND r.proposal_id = m.id
                WHERE m.bottle_slug = p.bottle_slug AND m.id = p.id AND m.delivered_at IS NOT NULL
                AND coalesce(r.refused_until, '')
                    < to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')))
        ORDER BY p.stored_at LIMIT at_most)
    DELETE FROM supervise.proposals p USING old WHERE p.bottle_slug = old.bottle_slug AND p.id = old.id;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END $$;
