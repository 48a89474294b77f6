-- The roles of the cluster and the rights on this database; run at every init, since each part is idempotent.

DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'supervise_owner') THEN
        CREATE ROLE supervise_owner NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'supervise_bottle') THEN
        CREATE ROLE supervise_bottle NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'supervise_operator') THEN
        CREATE ROLE supervise_operator LOGIN CONNECTION LIMIT 50;
    END IF;
    -- Only the database itself, and nothing made in it.
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO supervise_bottle, supervise_operator', current_database());
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- An advisory lock has no owner: whoever may take one could keep every proposal from being decided. What a
-- large object holds has no limit. Both are anybody's unless taken away, in each database anew.
DO $$
DECLARE
    name regprocedure;
BEGIN
    FOR name IN SELECT p.oid::regprocedure FROM pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace
        AND (p.proname LIKE 'pg\_advisory%' OR p.proname LIKE 'pg\_try\_advisory%'
            OR p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lowrite', 'lo_import'))
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', name);
        IF name::text LIKE '%advisory%' THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO supervise_owner', name);
        END IF;
    END LOOP;
END $$;
