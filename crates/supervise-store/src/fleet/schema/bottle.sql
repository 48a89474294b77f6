-- What a bottle may do beside inserting its proposals. Its name comes from the role that logged in, never from
-- what it says; every function runs as the owner with a fixed search path.

CREATE FUNCTION supervise.my_bottle() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT b.slug FROM supervise.bottles b WHERE b.role = session_user
$$;

CREATE FUNCTION supervise.my_number() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT b.number FROM supervise.bottles b WHERE b.role = session_user
$$;

CREATE FUNCTION supervise.schema_version() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT max(v.version) FROM supervise.versions v
$$;

-- Tells the bottle something. The notification is a hint without content: anybody may listen or send.
CREATE FUNCTION supervise.tell(the_slug text, the_side text, the_kind text, the_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    the_number bigint;
    channel text;
BEGIN
    INSERT INTO supervise.event_heads AS h (bottle_slug, side, number) VALUES (the_slug, the_side, 1)
        ON CONFLICT (bottle_slug, side) DO UPDATE SET number = h.number + 1
        RETURNING h.number INTO the_number;
    INSERT INTO supervise.events (bottle_slug, side, number, kind, proposal_id)
        VALUES (the_slug, the_side, the_number, the_kind, the_id);
    SELECT 'supervise_' || b.number INTO channel FROM supervise.bottles b WHERE b.slug = the_slug;
    PERFORM pg_notify(channel, '');
END $$;

-- Every new proposal is pending. A bottle may have so many at most, whatever its sidecar's own limits are.
CREATE FUNCTION supervise.opened() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rows bigint;
    total bigint;
BEGIN
    INSERT INTO supervise.pending (bottle_slug, arrival_timestamp, id, bytes)
        SELECT n.bottle_slug, n.arrival_timestamp, n.id,
            octet_length(n.proposed_file) + octet_length(n.justification)
        FROM inserted n;
    SELECT count(*), coalesce(sum(p.bytes), 0) INTO rows, total FROM supervise.pending p
        WHERE p.bottle_slug IN (SELECT n.bottle_slug FROM inserted n);
    IF rows > 10000 OR total > 1073741824 THEN
        RAISE EXCEPTION 'over 10,000 proposals or 1 GiB are pending' USING ERRCODE = 'SV010';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER opened AFTER INSERT ON supervise.proposals
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION supervise.opened();

-- 'withdrawn', 'being decided', 'decided' or 'unknown'. The claim is this transaction's own until it ends.
CREATE FUNCTION supervise.withdraw(the_id text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine CONSTANT text := supervise.my_bottle();
    key bigint;
    claimed boolean;
BEGIN
    SELECT p.claim_key INTO key FROM supervise.proposals p WHERE p.bottle_slug = mine AND p.id = the_id;
    IF NOT FOUND THEN
        RETURN 'unknown';
    END IF;
    claimed := pg_try_advisory_xact_lock(key);
    IF EXISTS (SELECT 1 FROM supervise.responses r WHERE r.bottle_slug = mine AND r.proposal_id = the_id) THEN
        RETURN 'decided';
    ELSIF EXISTS (SELECT 1 FROM supervise.withdrawals w WHERE w.bottle_slug = mine AND w.id = the_id) THEN
        RETURN 'withdrawn';
    ELSIF NOT claimed THEN
        RETURN 'being decided';
    END IF;
    DELETE FROM supervise.pending p WHERE p.bottle_slug = mine AND p.id = the_id;
    INSERT INTO supervise.withdrawals (bottle_slug, id) VALUES (mine, the_id);
    PERFORM supervise.tell(mine, 'bottle', 'withdrawn', the_id);
    RETURN 'withdrawn';
END $$;

-- Says once of each proposal how often it was joined, that its callers had to go, or that its answer arrived.
CREATE FUNCTION supervise.mark(kinds text[], ids text[], counts bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine CONSTANT text := supervise.my_bottle();
BEGIN
    INSERT INTO supervise.marks AS m (bottle_slug, id, joined, timed_out_at, delivered_at)
        SELECT p.bottle_slug, p.id, coalesce(max(n.count) FILTER (WHERE n.kind = 'joined'), 0),
            min(now()) FILTER (WHERE n.kind = 'timed out'),
            min(now()) FILTER (WHERE n.kind = 'delivered' AND EXISTS (SELECT 1 FROM supervise.responses r
                WHERE r.bottle_slug = p.bottle_slug AND r.proposal_id = p.id))
        FROM unnest(kinds, ids, counts) AS n (kind, id, count)
        JOIN supervise.proposals p ON p.bottle_slug = mine AND p.id = n.id
        GROUP BY p.bottle_slug, p.id ORDER BY p.id
        ON CONFLICT (bottle_slug, id) DO UPDATE SET joined = greatest(m.joined, EXCLUDED.joined),
            timed_out_at = coalesce(m.timed_out_at, EXCLUDED.timed_out_at),
            delivered_at = coalesce(m.delivered_at, EXCLUDED.delivered_at);
END $$;
