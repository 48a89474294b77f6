//! Setting a fleet up, with the rights of the database's own administrator: the schema, and a role per bottle.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, raw_sql};
use supervise_core::Slug;
use uuid::Uuid;

use super::connect::{self, Session};
use super::link::{Work, transaction};
use super::trouble::Failure;
use super::url::FleetUrl;
use super::{password, schema};
use crate::error::StoreError;

const OPERATOR: &str = "supervise_operator";
/// Two sidecars of one bottle while one follows the other, and one to look with.
const BOTTLE_CONNECTIONS: i32 = 4;

/// A connection of the database's administrator.
pub struct FleetAdmin {
    url: FleetUrl,
    session: Session,
}

/// A bottle of a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetBottle {
    /// Its name.
    pub slug: Slug,
    /// Its role; none once it has been removed.
    pub role: Option<String>,
    /// How many connections its role has open.
    pub connections: u64,
    /// How many of its proposals are pending.
    pub pending: u64,
}

impl FleetAdmin {
    /// Connects as an administrator.
    pub async fn connect(url: &FleetUrl) -> Result<FleetAdmin, StoreError> {
        let options = connect::options(url, "supervise fleet")?;
        let session = Session::plain(&options)
            .await
            .map_err(|error| Failure::from(error).store_error())?;
        Ok(FleetAdmin {
            url: url.clone(),
            session,
        })
    }

    /// Makes or completes roles and schema, and gives the operators' role a password if it has none or if
    /// `operator_password` says one. The address with that password is returned only when it was set.
    pub async fn init(&mut self, operator_password: Option<&str>) -> Result<Option<FleetUrl>, StoreError> {
        let given = operator_password.map(str::to_owned);
        let set = self
            .change(move |connection| Box::pin(init(connection, given)))
            .await?;
        Ok(set.map(|password| self.url.with_role(OPERATOR, &password)))
    }

    /// Makes the role of a new bottle, or of one that was removed. The address is never to be had again.
    pub async fn bottle_add(&mut self, slug: &Slug) -> Result<FleetUrl, StoreError> {
        let name = slug.clone();
        let made = self
            .change(move |connection| Box::pin(add(connection, name.clone())))
            .await?;
        let (role, password) = made.ok_or_else(|| StoreError::Exists { id: slug.to_string() })?;
        Ok(self.url.with_role(&role, &password))
    }

    /// Gives a bottle's role a new password and ends its connections; `None` if it has no role.
    pub async fn bottle_renew(&mut self, slug: &Slug) -> Result<Option<FleetUrl>, StoreError> {
        let Some(role) = self.role_of(slug).await? else {
            return Ok(None);
        };
        let (of, password) = (role.clone(), password::random());
        let new = password.clone();
        self.change(move |connection| Box::pin(async move { set_password(connection, &of, &new).await }))
            .await?;
        self.disconnect(&role).await?;
        Ok(Some(self.url.with_role(&role, &password)))
    }

    /// Takes a bottle's role away and ends its connections. What it has stored stays, and so does its audit log.
    /// False if it has no role.
    pub async fn bottle_remove(&mut self, slug: &Slug) -> Result<bool, StoreError> {
        let Some(role) = self.role_of(slug).await? else {
            return Ok(false);
        };
        // Three steps: who was disconnected must not come back before the role is gone.
        self.run(format!("ALTER ROLE {role} NOLOGIN")).await?;
        self.disconnect(&role).await?;
        let drop = format!(
            "UPDATE supervise.bottles SET role = NULL WHERE role = '{role}';
            DROP ROLE {role}"
        );
        self.run(drop).await?;
        Ok(true)
    }

    /// Every bottle there ever was, by name.
    pub async fn bottle_list(&mut self) -> Result<Vec<FleetBottle>, StoreError> {
        let query = "SELECT b.slug, b.role::text,
                (SELECT count(*) FROM pg_stat_activity a WHERE a.usename = b.role),
                (SELECT count(*) FROM supervise.pending p WHERE p.bottle_slug = b.slug)
            FROM supervise.bottles b ORDER BY b.slug";
        let rows = self
            .change(move |connection| {
                Box::pin(async move { Ok(sqlx::query(query).fetch_all(connection).await?) })
            })
            .await?;
        Ok(rows.iter().filter_map(bottle).collect())
    }

    /// Says good-bye to the server.
    pub async fn close(self) {
        if let Session::Plain(connection) = self.session {
            // The server notices by itself.
            let _ = connection.close().await;
        }
    }

    /// The name is ours alone if it reads so; it stands in statements as it is.
    async fn role_of(&mut self, slug: &Slug) -> Result<Option<String>, StoreError> {
        let query = "SELECT role::text FROM supervise.bottles
            WHERE slug = $1 AND role ~ '^supervise_bottle_[0-9]+$'";
        let query = sqlx::query_scalar(query).bind(slug.to_string());
        self.change(move |connection| Box::pin(async move { Ok(query.fetch_optional(connection).await?) }))
            .await
    }

    async fn disconnect(&mut self, role: &str) -> Result<(), StoreError> {
        self.run(format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
        ))
        .await
    }

    /// Runs statements with a role's name in them.
    async fn run(&mut self, statements: String) -> Result<(), StoreError> {
        self.change(move |connection| {
            Box::pin(async move {
                raw_sql(AssertSqlSafe(statements)).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    async fn change<T, F>(&mut self, work: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T>,
    {
        let connection = self
            .session
            .connection()
            .await
            .map_err(|error| Failure::from(error).store_error())?;
        transaction(connection, work)
            .await
            .map_err(|failure| failure.store_error())
    }
}

fn bottle(row: &PgRow) -> Option<FleetBottle> {
    Some(FleetBottle {
        slug: row.try_get::<&str, _>(0).ok()?.parse().ok()?,
        role: row.try_get(1).ok()?,
        connections: row.try_get::<i64, _>(2).ok()?.unsigned_abs(),
        pending: row.try_get::<i64, _>(3).ok()?.unsigned_abs(),
    })
}

async fn init(connection: &mut PgConnection, given: Option<String>) -> Result<Option<String>, Failure> {
    // One init at a time; the lock goes with the transaction.
    raw_sql("SELECT pg_advisory_xact_lock(7237123410)")
        .execute(&mut *connection)
        .await?;
    if schema::migrate(&mut *connection).await? > schema::VERSION {
        return Err(refused("its schema was made by a newer version of this program"));
    }
    if schema::locks_are_open(&mut *connection).await? {
        let why = "anybody may take advisory locks in it, which only a superuser can forbid: run this as one";
        return Err(refused(why));
    }
    let has_password: bool =
        sqlx::query_scalar("SELECT rolpassword IS NOT NULL FROM pg_authid WHERE rolname = $1")
            .bind(OPERATOR)
            .fetch_one(&mut *connection)
            .await?;
    if has_password && given.is_none() {
        return Ok(None);
    }
    let password = given.unwrap_or_else(password::random);
    set_password(connection, OPERATOR, &password).await?;
    Ok(Some(password))
}

fn refused(why: &str) -> Failure {
    Failure::Refused(StoreError::Postgres(why.to_owned()))
}

async fn add(connection: &mut PgConnection, slug: Slug) -> Result<Option<(String, String)>, Failure> {
    let row = "INSERT INTO supervise.bottles AS b (slug) VALUES ($1)
        ON CONFLICT (slug) DO UPDATE SET slug = EXCLUDED.slug WHERE b.role IS NULL RETURNING b.number";
    let number: Option<i64> = sqlx::query_scalar(row)
        .bind(slug.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(number) = number else { return Ok(None) };
    // A slug may be longer than a role's name, and would tell every role of the cluster who is there.
    let role = format!("supervise_bottle_{number}");
    let create = format!(
        "CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT
            CONNECTION LIMIT {BOTTLE_CONNECTIONS} IN ROLE supervise_bottle;
        ALTER ROLE {role} SET statement_timeout = '5s';
        ALTER ROLE {role} SET idle_in_transaction_session_timeout = '10s'"
    );
    raw_sql(AssertSqlSafe(create)).execute(&mut *connection).await?;
    sqlx::query("UPDATE supervise.bottles SET role = $2 WHERE number = $1")
        .bind(number)
        .bind(&role)
        .execute(&mut *connection)
        .await?;
    let password = password::random();
    set_password(connection, &role, &password).await?;
    Ok(Some((role, password)))
}

async fn set_password(connection: &mut PgConnection, role: &str, password: &str) -> Result<(), Failure> {
    let verifier = password::verifier(password, *Uuid::new_v4().as_bytes());
    let spelt = "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, 'SCRAM-SHA-256$' || $2::integer || ':'
        || encode($3, 'base64') || '$' || encode($4, 'base64') || ':' || encode($5, 'base64'))";
    let statement: String = sqlx::query_scalar(spelt)
        .bind(role)
        .bind(verifier.rounds)
        .bind(verifier.salt)
        .bind(verifier.stored_key)
        .bind(verifier.server_key)
        .fetch_one(&mut *connection)
        .await?;
    raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}
