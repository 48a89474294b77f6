-- What is stored stays as it is. These bind the owner's functions too; who may switch triggers off is trusted.

CREATE FUNCTION supervise.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'what is stored in % can''t be changed', TG_TABLE_NAME USING ERRCODE = 'SV009';
END $$;

CREATE FUNCTION supervise.refuse_unended() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM supervise.pending p WHERE p.bottle_slug = OLD.bottle_slug AND p.id = OLD.id) THEN
        RAISE EXCEPTION 'a pending proposal can''t be deleted' USING ERRCODE = 'SV009';
    END IF;
    RETURN OLD;
END $$;

-- A response goes with its proposal and in no other way.
CREATE FUNCTION supervise.refuse_alone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM supervise.proposals p
            WHERE p.bottle_slug = OLD.bottle_slug AND p.id = OLD.proposal_id) THEN
        RAISE EXCEPTION 'a response can''t be deleted' USING ERRCODE = 'SV009';
    END IF;
    RETURN OLD;
END $$;

CREATE TRIGGER fixed BEFORE UPDATE ON supervise.proposals
    FOR EACH ROW EXECUTE FUNCTION supervise.refuse_change();
CREATE TRIGGER kept BEFORE DELETE ON supervise.proposals
    FOR EACH ROW EXECUTE FUNCTION supervise.refuse_unended();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON supervise.proposals
    EXECUTE FUNCTION supervise.refuse_change();
CREATE TRIGGER fixed BEFORE UPDATE ON supervise.responses
    FOR EACH ROW EXECUTE FUNCTION supervise.refuse_change();
CREATE TRIGGER kept BEFORE DELETE ON supervise.responses
    FOR EACH ROW EXECUTE FUNCTION supervise.refuse_alone();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON supervise.responses
    EXECUTE FUNCTION supervise.refuse_change();
CREATE TRIGGER fixed BEFORE UPDATE OR DELETE ON supervise.audit_entries
    FOR EACH ROW EXECUTE FUNCTION supervise.refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON supervise.audit_entries
    EXECUTE FUNCTION supervise.refuse_change();
