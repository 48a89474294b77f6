//! What each role may do: every attempt is made against a real server.

use sqlx::postgres::PgConnection;

use super::cluster::{Cluster, run, slug};

const ID: &str = "00000000-0000-4000-8000-000000000001";
const NEW: &str = "00000000-0000-4000-8000-00000000000a";
/// The server's codes.
const FORBIDDEN: Result<u64, &str> = Err("42501");
const NO_ROWS: Result<u64, &str> = Ok(0);

struct Bench {
    cluster: Cluster,
    bottle: PgConnection,
    operator: PgConnection,
}

/// Two bottles, each with a pending proposal of the same id; the other one's second is answered.
async fn bench() -> Bench {
    let cluster = Cluster::start().await;
    let (mut admin, operator) = cluster.fleet().await;
    let bottle = admin.bottle_add(&slug("dev")).await.unwrap();
    let other = admin.bottle_add(&slug("other")).await.unwrap();
    let mut bottle = cluster.sql(&bottle).await.unwrap();
    let mut other = cluster.sql(&other).await.unwrap();
    let mut operator = cluster.sql(&operator).await.unwrap();
    run(&mut bottle, &insert("dev", ID)).await.unwrap();
    run(&mut other, &insert("other", ID)).await.unwrap();
    let answered = ID.replace('1', "2");
    run(&mut other, &insert("other", &answered)).await.unwrap();
    answer(&mut operator, "other", &answered).await;
    Bench {
        cluster,
        bottle,
        operator,
    }
}

fn insert(bottle: &str, id: &str) -> String {
    format!(
        "INSERT INTO supervise.proposals (bottle_slug, id, tool, proposed_file, justification, arrival_timestamp,
            current_file_hash) VALUES ('{bottle}', '{id}', 'egress-allow', 'x', 'why', '2026', 'h')"
    )
}

async fn answer(operator: &mut PgConnection, bottle: &str, id: &str) {
    let hash = "a".repeat(64);
    for statement in [
        "BEGIN".to_owned(),
        format!("SELECT supervise.claim('{bottle}', '{id}')"),
        format!("SELECT supervise.audit_head('{bottle}')"),
        format!(
            "SELECT supervise.audit_append('{bottle}', 1, 't', 'egress', 'approved', 'n', 'j', 'd', '{id}',
                'egress-allow', 'ada', 'a test', 'd', '', '{hash}')"
        ),
        format!("SELECT supervise.answer('{bottle}', '{id}', 'approved', 'n', 'x', true, NULL, NULL, 1)"),
        "COMMIT".to_owned(),
        format!("SELECT supervise.release('{bottle}', '{id}')"),
    ] {
        run(operator, &statement).await.unwrap();
    }
}

async fn attempt_all(connection: &mut PgConnection, attempts: &[(&str, Result<u64, &str>)]) {
    for (statement, expected) in attempts {
        let found = run(connection, statement).await;
        let found = found.as_ref().map(|rows| *rows).map_err(String::as_str);
        assert_eq!(found, *expected, "{statement}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_a_bottle_sees_itself_alone() {
    let mut bench = bench().await;
    attempt_all(
        &mut bench.bottle,
        &[
            ("SELECT id FROM supervise.proposals", Ok(1)),
            (
                "SELECT id FROM supervise.proposals WHERE bottle_slug = 'other'",
                NO_ROWS,
            ),
            (
                "SELECT id FROM supervise.proposals WHERE bottle_slug <> 'dev' OR true",
                Ok(1),
            ),
            ("SELECT proposal_id FROM supervise.responses", NO_ROWS),
            ("SELECT number FROM supervise.events", NO_ROWS),
            ("SELECT number FROM supervise.event_heads", NO_ROWS),
            (
                "SELECT id FROM supervise.marks WHERE bottle_slug = 'other'",
                NO_ROWS,
            ),
            (
                "SELECT id FROM supervise.withdrawals WHERE bottle_slug = 'other'",
                NO_ROWS,
            ),
            ("SELECT * FROM supervise.proposals", FORBIDDEN),
            ("SELECT claim_key FROM supervise.proposals", FORBIDDEN),
            ("SELECT audit_id FROM supervise.responses", FORBIDDEN),
            ("SELECT 1 FROM supervise.bottles", FORBIDDEN),
            ("SELECT 1 FROM supervise.pending", FORBIDDEN),
            ("SELECT 1 FROM supervise.audit_entries", FORBIDDEN),
            ("SELECT 1 FROM supervise.audit_heads", FORBIDDEN),
            ("SELECT 1 FROM supervise.versions", FORBIDDEN),
            ("SELECT 1 FROM pg_authid", FORBIDDEN),
            // A condition that would tell what it sees runs on no row of another's.
            (
                "SELECT id FROM supervise.proposals WHERE 1 / (bottle_slug <> 'other')::integer > 0",
                Ok(1),
            ),
        ],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_a_bottle_writes_for_itself_alone() {
    let mut bench = bench().await;
    let (theirs, fresh, unknown) = (insert("other", ID), insert("other", NEW), insert("nobody", NEW));
    let (again, blank) = (insert("dev", ID), insert("dev", "X"));
    let late = format!(
        "INSERT INTO supervise.proposals (bottle_slug, id, tool, proposed_file, justification, arrival_timestamp,
            current_file_hash, stored_at) VALUES ('dev', '{NEW}', 't', 'x', 'y', '2026', 'h', now())"
    );
    let keyed = format!(
        "INSERT INTO supervise.proposals (bottle_slug, id, tool, proposed_file, justification, arrival_timestamp,
            current_file_hash, claim_key) OVERRIDING SYSTEM VALUE
            VALUES ('dev', '{NEW}', 't', 'x', 'y', '2026', 'h', 1)"
    );
    let huge = insert("dev", NEW).replace("'x'", "convert_to(repeat('x', 4194305), 'UTF8')");
    let wordy = insert("dev", NEW).replace("'2026'", "repeat('x', 513)");
    attempt_all(
        &mut bench.bottle,
        &[
            // Whether the other has that id, or is there at all, makes no difference.
            (&theirs, FORBIDDEN),
            (&fresh, FORBIDDEN),
            (&unknown, FORBIDDEN),
            (&again, Err("23505")),
            (&blank, Err("23514")),
            (&late, FORBIDDEN),
            (&keyed, FORBIDDEN),
            (&huge, Err("23514")),
            (&wordy, Err("23514")),
            ("UPDATE supervise.proposals SET proposed_file = 'y'", FORBIDDEN),
            ("UPDATE supervise.proposals SET bottle_slug = 'other'", FORBIDDEN),
            ("DELETE FROM supervise.proposals", FORBIDDEN),
            ("TRUNCATE supervise.proposals", FORBIDDEN),
            ("SELECT id FROM supervise.proposals FOR UPDATE", FORBIDDEN),
            (
                "DO $$ BEGIN LOCK TABLE supervise.proposals IN ACCESS EXCLUSIVE MODE; END $$",
                FORBIDDEN,
            ),
            (
                "INSERT INTO supervise.pending VALUES ('dev', 't', 'i', 0)",
                FORBIDDEN,
            ),
            ("DELETE FROM supervise.pending", FORBIDDEN),
            (
                "INSERT INTO supervise.marks (bottle_slug, id) VALUES ('dev', 'i')",
                FORBIDDEN,
            ),
            (
                "INSERT INTO supervise.withdrawals (bottle_slug, id) VALUES ('dev', 'i')",
                FORBIDDEN,
            ),
            (
                "INSERT INTO supervise.events VALUES ('dev', 'operator', 1, 'answered', 'i')",
                FORBIDDEN,
            ),
            ("UPDATE supervise.event_heads SET number = 0", FORBIDDEN),
            (
                "UPDATE supervise.bottles SET role = 'supervise_bottle_1'",
                FORBIDDEN,
            ),
        ],
    )
    .await;
    let withdrawn = format!(
        "SELECT 1 WHERE supervise.withdraw('{}') = 'unknown'",
        ID.replace('1', "2")
    );
    attempt_all(&mut bench.bottle, &[(&withdrawn, Ok(1))]).await;
    let marked = format!(
        "SELECT supervise.mark('{{joined}}', '{{{}}}', '{{7}}')",
        ID.replace('1', "2")
    );
    attempt_all(
        &mut bench.bottle,
        &[(&marked, Ok(1)), ("SELECT 1 FROM supervise.marks", NO_ROWS)],
    )
    .await;
    attempt_all(&mut bench.operator, &[("SELECT 1 FROM supervise.marks", NO_ROWS)]).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_a_bottle_decides_nothing() {
    let mut bench = bench().await;
    let respond = format!(
        "INSERT INTO supervise.responses (bottle_slug, proposal_id, status, notes, audit_id)
            VALUES ('dev', '{ID}', 'approved', '', 1)"
    );
    let claim = format!("SELECT supervise.claim('dev', '{ID}')");
    let answer = format!("SELECT supervise.answer('dev', '{ID}', 'approved', '', 'x', true, NULL, NULL, 1)");
    let append =
        "SELECT supervise.audit_append('dev', 1, '', '', '', '', '', '', '', '', '', '', '', '', '')";
    attempt_all(
        &mut bench.bottle,
        &[
            (&respond, FORBIDDEN),
            (&claim, FORBIDDEN),
            (&answer, FORBIDDEN),
            (append, FORBIDDEN),
            ("SELECT supervise.audit_head('dev')", FORBIDDEN),
            ("SELECT supervise.release('dev', 'i')", FORBIDDEN),
            ("SELECT supervise.reopen('dev', 'i')", FORBIDDEN),
            (
                "SELECT supervise.submit('dev', 'i', 't', '', '', '', '')",
                FORBIDDEN,
            ),
            ("SELECT supervise.prune('dev', now(), 1)", FORBIDDEN),
            (
                "SELECT supervise.tell('dev', 'operator', 'answered', 'i')",
                FORBIDDEN,
            ),
            ("SELECT supervise.is_claimed(1)", FORBIDDEN),
            ("SET ROLE supervise_operator", FORBIDDEN),
            ("SET ROLE supervise_owner", FORBIDDEN),
            ("SET SESSION AUTHORIZATION supervise_operator", FORBIDDEN),
            ("ALTER ROLE supervise_bottle_1 BYPASSRLS", FORBIDDEN),
            ("GRANT supervise_operator TO supervise_bottle_1", FORBIDDEN),
        ],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_a_bottle_blocks_nobody_and_makes_nothing() {
    let mut bench = bench().await;
    attempt_all(
        &mut bench.bottle,
        &[
            ("SELECT pg_advisory_lock(1)", FORBIDDEN),
            ("SELECT pg_advisory_lock(1, 1)", FORBIDDEN),
            ("SELECT pg_advisory_lock_shared(1)", FORBIDDEN),
            ("SELECT pg_try_advisory_lock(1)", FORBIDDEN),
            ("SELECT pg_try_advisory_xact_lock(1)", FORBIDDEN),
            ("SELECT pg_try_advisory_xact_lock_shared(1, 1)", FORBIDDEN),
            ("SELECT pg_advisory_unlock_all()", FORBIDDEN),
            ("CREATE TABLE supervise.mine (a integer)", FORBIDDEN),
            ("CREATE TABLE public.mine (a integer)", FORBIDDEN),
            ("CREATE TEMPORARY TABLE mine (a integer)", FORBIDDEN),
            ("CREATE SCHEMA mine", FORBIDDEN),
            (
                "CREATE FUNCTION public.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
                FORBIDDEN,
            ),
            ("SELECT lo_create(0)", FORBIDDEN),
            ("SELECT lo_from_bytea(0, 'x')", FORBIDDEN),
            ("CREATE ROLE mine", FORBIDDEN),
            ("COPY supervise.proposals (id) TO '/tmp/mine'", FORBIDDEN),
            ("COPY supervise.proposals (id) TO PROGRAM 'true'", FORBIDDEN),
            ("SELECT pg_read_file('/etc/passwd')", FORBIDDEN),
            ("DROP POLICY own ON supervise.proposals", FORBIDDEN),
            (
                "ALTER TABLE supervise.proposals DISABLE ROW LEVEL SECURITY",
                FORBIDDEN,
            ),
            (
                "CREATE TRIGGER mine AFTER INSERT ON supervise.proposals EXECUTE FUNCTION supervise.opened()",
                FORBIDDEN,
            ),
        ],
    )
    .await;
    // Another role's connections aren't its own to end.
    let others =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'supervise_operator'";
    attempt_all(&mut bench.bottle, &[(others, FORBIDDEN)]).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_operators_rewrite_nothing() {
    let mut bench = bench().await;
    let respond = format!(
        "INSERT INTO supervise.responses (bottle_slug, proposal_id, status, notes, final_file, audit_id)
            VALUES ('dev', '{ID}', 'approved', '', 'x', 1)"
    );
    let unclaimed =
        format!("SELECT supervise.answer('dev', '{ID}', 'approved', '', 'x', true, NULL, NULL, 1)");
    let gap = format!(
        "SELECT supervise.audit_append('other', 3, 't', 'c', 'a', '', '', '', NULL, NULL, NULL, NULL, NULL, '{0}', '{0}')",
        "a".repeat(64)
    );
    let fork = gap
        .replace("'other', 3", "'other', 2")
        .replace('a', "b")
        .replace("supervise.budit_bppend", "supervise.audit_append");
    attempt_all(
        &mut bench.operator,
        &[
            ("SELECT * FROM supervise.proposals", Ok(3)),
            ("SELECT * FROM supervise.audit_entries", Ok(1)),
            (&respond, FORBIDDEN),
            (&insert("dev", NEW), FORBIDDEN),
            ("UPDATE supervise.proposals SET proposed_file = 'y'", FORBIDDEN),
            ("DELETE FROM supervise.proposals", FORBIDDEN),
            ("UPDATE supervise.responses SET status = 'rejected'", FORBIDDEN),
            ("DELETE FROM supervise.responses", FORBIDDEN),
            ("UPDATE supervise.audit_entries SET diff = ''", FORBIDDEN),
            ("DELETE FROM supervise.audit_entries", FORBIDDEN),
            ("TRUNCATE supervise.audit_entries", FORBIDDEN),
            ("UPDATE supervise.audit_heads SET id = 0", FORBIDDEN),
            ("INSERT INTO supervise.bottles (slug) VALUES ('mine')", FORBIDDEN),
            (
                "UPDATE supervise.bottles SET role = 'supervise_operator'",
                FORBIDDEN,
            ),
            ("SELECT pg_advisory_lock(1)", FORBIDDEN),
            ("CREATE TABLE supervise.mine (a integer)", FORBIDDEN),
            ("SET ROLE supervise_owner", FORBIDDEN),
            (&unclaimed, Err("SV001")),
            (&gap, Err("SV004")),
            (&fork, Err("SV004")),
        ],
    )
    .await;
    // A claim answers only with an entry that is about the same.
    let claim = format!("SELECT supervise.claim('dev', '{ID}')");
    let other = unclaimed.replace("1)", "9)");
    attempt_all(&mut bench.operator, &[(&claim, Ok(1)), (&other, Err("SV002"))]).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_even_the_owner_s_functions_change_nothing_stored() {
    let bench = bench().await;
    let mut admin = bench.cluster.admin_sql().await;
    run(&mut admin, "SET ROLE supervise_owner").await.unwrap();
    attempt_all(
        &mut admin,
        &[
            ("UPDATE supervise.proposals SET proposed_file = 'y'", Err("SV009")),
            ("DELETE FROM supervise.proposals", Err("SV009")),
            ("UPDATE supervise.responses SET notes = 'y'", Err("SV009")),
            ("DELETE FROM supervise.responses", Err("SV009")),
            ("UPDATE supervise.audit_entries SET diff = ''", Err("SV009")),
            ("DELETE FROM supervise.audit_entries", Err("SV009")),
            ("TRUNCATE supervise.audit_entries CASCADE", Err("SV009")),
        ],
    )
    .await;
}

/// What a later version adds is found here, before anybody uses it.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_nothing_is_granted_by_accident() {
    let bench = bench().await;
    let mut admin = bench.cluster.admin_sql().await;
    let functions = |role: &str, names: &str| {
        format!(
            "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'supervise'::regnamespace
                AND has_function_privilege('{role}', p.oid, 'EXECUTE') <> (p.proname = ANY ('{{{names}}}'))"
        )
    };
    let bottle = functions(
        "supervise_bottle",
        "my_bottle,my_number,schema_version,withdraw,mark",
    );
    let operator = functions(
        "supervise_operator",
        "schema_version,is_claimed,claim,release,answer,reopen,submit,prune,audit_head,audit_append",
    );
    let writes = "SELECT t.tablename, r.role, x.privilege FROM pg_tables t,
            (VALUES ('supervise_bottle'), ('supervise_operator')) r (role),
            (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('TRIGGER'), ('REFERENCES')) x (privilege)
        WHERE t.schemaname = 'supervise'
        AND has_table_privilege(r.role, format('supervise.%I', t.tablename), x.privilege)";
    let columns = "SELECT 1 FROM information_schema.column_privileges WHERE table_schema = 'supervise'
        AND grantee IN ('supervise_bottle', 'supervise_operator') AND privilege_type NOT IN ('SELECT')
        AND NOT (grantee = 'supervise_bottle' AND table_name = 'proposals' AND privilege_type = 'INSERT'
            AND column_name NOT IN ('stored_at', 'claim_key'))";
    let unforced =
        "SELECT relname FROM pg_class WHERE relnamespace = 'supervise'::regnamespace AND relkind = 'r'
        AND NOT (relrowsecurity AND relforcerowsecurity)";
    let path = "SELECT proname FROM pg_proc WHERE pronamespace = 'supervise'::regnamespace
        AND coalesce(NOT 'search_path=pg_catalog, pg_temp' = ANY (proconfig), true)";
    let owned = "SELECT relname FROM pg_class WHERE relnamespace = 'supervise'::regnamespace
        AND relowner <> 'supervise_owner'::regrole";
    let locks = "SELECT p.oid::regprocedure FROM pg_proc p WHERE p.proname LIKE '%advisory%'
        AND (has_function_privilege('supervise_bottle', p.oid, 'EXECUTE')
            OR has_function_privilege('supervise_operator', p.oid, 'EXECUTE'))";
    for query in [&bottle, &operator, writes, columns, unforced, path, owned, locks] {
        assert_eq!(run(&mut admin, query).await, Ok(0), "{query}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_a_bottle_s_open_transaction_stops_no_operator() {
    let mut bench = bench().await;
    run(&mut bench.bottle, "SET statement_timeout = 0").await.unwrap();
    let mark = format!("SELECT supervise.mark('{{joined}}', '{{{ID}}}', '{{7}}')");
    for statement in [
        "BEGIN",
        &mark,
        &insert("dev", NEW),
        &format!("SELECT supervise.withdraw('{NEW}')"),
    ] {
        run(&mut bench.bottle, statement).await.unwrap();
    }
    // Answered while the bottle keeps every lock that it can get on anything but the proposal's own claim.
    run(&mut bench.operator, "SET lock_timeout = 100").await.unwrap();
    answer(&mut bench.operator, "dev", ID).await;
    run(&mut bench.bottle, "ROLLBACK").await.unwrap();
    attempt_all(
        &mut bench.bottle,
        &[("SELECT proposal_id FROM supervise.responses", Ok(1))],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_a_bottle_fills_no_more_than_its_share() {
    let mut bench = bench().await;
    let many = "INSERT INTO supervise.proposals (bottle_slug, id, tool, proposed_file, justification,
            arrival_timestamp, current_file_hash)
        SELECT 'dev', '00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'), 't', 'x', 'y', '2026', 'h'
        FROM generate_series(100, 10100) n";
    attempt_all(&mut bench.bottle, &[(many, Err("SV010"))]).await;
    attempt_all(
        &mut bench.bottle,
        &[("SELECT id FROM supervise.proposals", Ok(1))],
    )
    .await;
}
