//! The schema's versions: each is applied once, in one transaction with its number.

use sqlx::postgres::PgConnection;
use sqlx::{Error, raw_sql};

use crate::error::StoreError;

/// The version that this program speaks.
pub(super) const VERSION: i32 = 1;

/// Roles and the rights on the database; every part of it can be run again.
const ROLES: &str = include_str!("schema/roles.sql");

/// Each version's statements, to be run as the owner.
const VERSIONS: [&[&str]; VERSION as usize] = [&[
    include_str!("schema/tables.sql"),
    include_str!("schema/kept.sql"),
    include_str!("schema/bottle.sql"),
    include_str!("schema/operator.sql"),
    include_str!("schema/audit.sql"),
    include_str!("schema/rights.sql"),
]];

/// Brings the database to [`VERSION`], in the caller's transaction. What a newer program made is left alone.
pub(super) async fn migrate(connection: &mut PgConnection) -> Result<i32, Error> {
    raw_sql(ROLES).execute(&mut *connection).await?;
    // Who isn't a superuser must be a member to make objects in the owner's name.
    let join = "DO $$ BEGIN
            IF NOT pg_has_role(current_user, 'supervise_owner', 'MEMBER') THEN
                EXECUTE format('GRANT supervise_owner TO %I', current_user);
            END IF;
        END $$;
        CREATE SCHEMA IF NOT EXISTS supervise AUTHORIZATION supervise_owner;
        SET LOCAL ROLE supervise_owner";
    raw_sql(join).execute(&mut *connection).await?;
    let found = found(&mut *connection).await?;
    let missing = VERSIONS.iter().zip(1..).skip(usize::try_from(found).unwrap_or(0));
    for (statements, version) in missing {
        for statement in *statements {
            raw_sql(*statement).execute(&mut *connection).await?;
        }
        sqlx::query("INSERT INTO supervise.versions (version) VALUES ($1)")
            .bind::<i32>(version)
            .execute(&mut *connection)
            .await?;
    }
    raw_sql("RESET ROLE").execute(connection).await?;
    Ok(found.max(VERSION))
}

async fn found(connection: &mut PgConnection) -> Result<i32, Error> {
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('supervise.versions') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM supervise.versions")
        .fetch_one(connection)
        .await
}

/// Refuses a database whose schema isn't the one that this program speaks.
pub(super) fn check(found: i32) -> Result<(), StoreError> {
    match found {
        VERSION => Ok(()),
        0 => Err(StoreError::Postgres(
            "it has no schema: `supervise fleet init` makes it".into(),
        )),
        found if found < VERSION => Err(StoreError::Postgres(
            "its schema is of an older version: `supervise fleet init` renews it".into(),
        )),
        _ => Err(StoreError::Postgres(
            "its schema is of a newer version than this program".into(),
        )),
    }
}

/// Whether anybody may still take advisory locks: only a superuser can forbid it.
pub(super) async fn locks_are_open(connection: &mut PgConnection) -> Result<bool, Error> {
    sqlx::query_scalar(
        "SELECT has_function_privilege('supervise_bottle', 'pg_advisory_lock(bigint)', 'EXECUTE')",
    )
    .fetch_one(connection)
    .await
}
