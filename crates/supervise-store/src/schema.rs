//! The tables, triggers and indices: what each database must look like, and what completes it.

mod host;
mod queue;

use std::path::Path;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::error::StoreError;

pub(crate) use host::HOST;
pub(crate) use queue::QUEUE;

/// Looked at per database at most; more is no database of ours.
const MAX_OBJECTS: i64 = 500;

/// What a database holds.
pub(crate) struct Schema {
    /// Tables that the other program makes too; a file without them is new.
    shared: &'static [Table],
    /// Tables of ours.
    own: &'static [Table],
    /// Triggers and indices of ours: name and exact text.
    extras: &'static [Extra],
    /// Whether triggers, views and indices of others are refused everywhere or only on our tables.
    others: Others,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    Refused,
    OnlyBesideOurTables,
}

struct Table {
    name: &'static str,
    sql: &'static str,
    /// `name type` of each column in order, as `PRAGMA table_xinfo` tells.
    columns: &'static [(&'static str, &'static str)],
}

struct Extra {
    name: &'static str,
    sql: &'static str,
}

/// Which tables were found.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tables {
    /// The shared ones.
    pub(crate) shared: bool,
    /// Ours.
    pub(crate) own: bool,
    /// Everything, triggers and indices too.
    pub(crate) complete: bool,
}

struct Object {
    kind: String,
    name: String,
    table: String,
    sql: String,
}

impl Schema {
    /// Compares the database with what it must be; refuses what is foreign or misshapen.
    pub(crate) async fn check(&self, sql: &mut SqliteConnection, path: &Path) -> Result<Tables, StoreError> {
        let objects = objects(sql, path).await?;
        for object in &objects {
            self.check_object(object, path)?;
        }
        let tables = || self.shared.iter().chain(self.own);
        for table in tables().filter(|table| has(&objects, table.name)) {
            check_columns(sql, table, path).await?;
        }
        let all = |tables: &[Table]| tables.iter().all(|table| has(&objects, table.name));
        let (shared, own) = (all(self.shared), all(self.own));
        let extras = self.extras.iter().all(|extra| has(&objects, extra.name));
        Ok(Tables {
            shared,
            own,
            complete: shared && own && extras,
        })
    }

    /// Creates what is missing, inside the caller's transaction.
    pub(crate) async fn complete(&self, sql: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
        let objects = objects(sql, path).await?;
        let tables = self
            .shared
            .iter()
            .chain(self.own)
            .map(|table| (table.name, table.sql));
        let extras = self.extras.iter().map(|extra| (extra.name, extra.sql));
        for (name, statement) in tables.chain(extras) {
            if !has(&objects, name) {
                sqlx::query(statement).execute(&mut *sql).await?;
            }
        }
        Ok(())
    }

    fn check_object(&self, object: &Object, path: &Path) -> Result<(), StoreError> {
        let is_table = |name: &str| self.shared.iter().chain(self.own).any(|table| table.name == name);
        let foreign = || {
            StoreError::refused(
                path,
                format!(
                    "a foreign {} '{}' on '{}'",
                    object.kind, object.name, object.table
                ),
            )
        };
        match object.kind.as_str() {
            "table" if is_table(&object.name) && is_virtual(&object.sql) => Err(foreign()),
            "table" => Ok(()),
            // The index behind a PRIMARY KEY has no text of its own.
            "index" if object.sql.is_empty() => Ok(()),
            _ if self
                .extras
                .iter()
                .any(|extra| extra.name == object.name && extra.sql == object.sql) =>
            {
                Ok(())
            }
            _ if is_table(&object.name) || is_table(&object.table) => Err(foreign()),
            _ if self.others == Others::OnlyBesideOurTables => Ok(()),
            _ => Err(foreign()),
        }
    }
}

fn is_virtual(sql: &str) -> bool {
    !sql.to_ascii_uppercase().starts_with("CREATE TABLE ")
}

fn has(objects: &[Object], name: &str) -> bool {
    objects.iter().any(|object| object.name == name)
}

async fn objects(sql: &mut SqliteConnection, path: &Path) -> Result<Vec<Object>, StoreError> {
    let query = "SELECT type, name, tbl_name, substr(coalesce(sql, ''), 1, 4000) FROM sqlite_schema LIMIT ?";
    let rows = sqlx::query(query)
        .bind(MAX_OBJECTS + 1)
        .try_map(object)
        .fetch_all(sql)
        .await?;
    if rows.len() as i64 > MAX_OBJECTS {
        return Err(StoreError::refused(
            path,
            format!("a schema of over {MAX_OBJECTS} objects"),
        ));
    }
    Ok(rows)
}

fn object(row: SqliteRow) -> Result<Object, sqlx::Error> {
    Ok(Object {
        kind: row.try_get(0)?,
        name: row.try_get(1)?,
        table: row.try_get(2)?,
        sql: row.try_get(3)?,
    })
}

async fn check_columns(sql: &mut SqliteConnection, table: &Table, path: &Path) -> Result<(), StoreError> {
    // A table-valued function, because a PRAGMA takes no bound name; hidden columns are listed too.
    let query = "SELECT name, upper(type) FROM pragma_table_xinfo(?) ORDER BY cid";
    let found: Vec<(String, String)> = sqlx::query_as(query).bind(table.name).fetch_all(sql).await?;
    let same = found.len() == table.columns.len()
        && found
            .iter()
            .zip(table.columns)
            .all(|(found, column)| (found.0.as_str(), found.1.as_str()) == *column);
    if same {
        return Ok(());
    }
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    Err(StoreError::refused(
        path,
        format!("table '{}' has a foreign shape: {}", table.name, names.join(", ")),
    ))
}
