-- Who may do what. Nobody has a right that isn't granted here.

REVOKE ALL ON ALL TABLES IN SCHEMA supervise FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA supervise FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA supervise FROM PUBLIC;

GRANT USAGE ON SCHEMA supervise TO supervise_bottle, supervise_operator;

-- Never the claim's key, which would count the proposals of the whole fleet.
GRANT SELECT (bottle_slug, id, tool, proposed_file, justification, arrival_timestamp, current_file_hash, stored_at)
    ON supervise.proposals TO supervise_bottle;
GRANT INSERT (bottle_slug, id, tool, proposed_file, justification, arrival_timestamp, current_file_hash)
    ON supervise.proposals TO supervise_bottle;
GRANT SELECT (bottle_slug, proposal_id, status, notes, final_file, applied, refused_at, refused_until, responded_at)
    ON supervise.responses TO supervise_bottle;
GRANT SELECT ON supervise.marks, supervise.withdrawals, supervise.events, supervise.event_heads
    TO supervise_bottle;
GRANT EXECUTE ON FUNCTION supervise.my_bottle(), supervise.my_number(), supervise.schema_version(),
    supervise.withdraw(text), supervise.mark(text[], text[], bigint[]) TO supervise_bottle;

GRANT SELECT ON ALL TABLES IN SCHEMA supervise TO supervise_operator;
GRANT EXECUTE ON FUNCTION supervise.schema_version(), supervise.is_claimed(bigint), supervise.claim(text, text),
    supervise.release(text, text),
    supervise.answer(text, text, text, bytea, bytea, boolean, text, text, bigint),
    supervise.reopen(text, text), supervise.submit(text, text, text, bytea, bytea, text, text),
    supervise.prune(text, timestamptz, bigint), supervise.audit_head(text),
    supervise.audit_append(text, bigint, text, text, text, bytea, bytea, bytea, text, text, text, text, text,
        text, text)
    TO supervise_operator;

-- Each table, one by one: what has no policy for a role has no rows for it.
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT t.tablename FROM pg_tables t WHERE t.schemaname = 'supervise' LOOP
        EXECUTE format('ALTER TABLE supervise.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE supervise.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY owner ON supervise.%I TO supervise_owner USING (true) WITH CHECK (true)',
            name);
        EXECUTE format('CREATE POLICY operators ON supervise.%I FOR SELECT TO supervise_operator USING (true)',
            name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['proposals', 'responses', 'marks', 'withdrawals', 'events', 'event_heads'] LOOP
        EXECUTE format('CREATE POLICY own ON supervise.%I FOR SELECT TO supervise_bottle
            USING (bottle_slug = (SELECT supervise.my_bottle()))', name);
    END LOOP;
END $$;

CREATE POLICY opens ON supervise.proposals FOR INSERT TO supervise_bottle
    WITH CHECK (bottle_slug = (SELECT supervise.my_bottle()));
