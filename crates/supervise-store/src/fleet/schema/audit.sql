-- The audit log's appends. The hash is computed by whoever appends; that each line follows the one before is
-- checked here, and the rest by whoever verifies.

-- The last line, locked until the transaction ends.
CREATE FUNCTION supervise.audit_head(the_slug text, OUT last_id bigint, OUT last_hash text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO supervise.audit_heads (bottle_slug) VALUES (the_slug) ON CONFLICT DO NOTHING;
    SELECT h.id, h.hash INTO last_id, last_hash FROM supervise.audit_heads h
        WHERE h.bottle_slug = the_slug FOR UPDATE;
END $$;

CREATE FUNCTION supervise.audit_append(the_slug text, the_id bigint, at text, the_component text, action text,
    notes bytea, why bytea, the_diff bytea, about text, the_tool text, who text, with_command text, seen text,
    the_prev text, the_hash text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE supervise.audit_heads h SET id = the_id, hash = the_hash
        WHERE h.bottle_slug = the_slug AND h.id = the_id - 1 AND h.hash = the_prev;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the chain goes on elsewhere' USING ERRCODE = 'SV004';
    END IF;
    INSERT INTO supervise.audit_entries (bottle_slug, id, timestamp, component, operator_action,
            operator_notes, justification, diff, proposal_id, tool, operator, via, digest, prev, hash)
        VALUES (the_slug, the_id, at, the_component, action, notes, why, the_diff, about, the_tool, who,
            with_command, seen, the_prev, the_hash);
END $$;
