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
    /// Tables of ours that came later: a file that lacks them is read as before.
    added: &'static [Table],
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
    /// The pragma that describes it. Not its table-valued form, which a table of that name would shadow.
    pragma: &'static str,
    /// Name and type of each column in order. The first is the key.
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
    /// Ours, but for those that came later.
    pub(crate) own: bool,
    /// Those that came later.
    pub(crate) added: bool,
    /// Everything, triggers and indices too.
    pub(crate) complete: bool,
}

struct Object {
    kind: String,
    name: String,
    table: String,
    sql: String,
}

impl Object {
    /// Whether this is that table, but not made by our own statement.
    fn is_otherwise(&self, table: &Table) -> bool {
        self.name == table.name && self.sql != table.sql
    }
}

impl Schema {
    /// Compares the database with what it must be; refuses what is foreign or misshapen.
    pub(crate) async fn check(&self, sql: &mut SqliteConnection, path: &Path) -> Result<Tables, StoreError> {
        let objects = objects(sql, path).await?;
        for object in &objects {
            self.check_object(object, path)?;
        }
        for table in self
            .tables()
            .filter(|table| objects.iter().any(|object| object.is_otherwise(table)))
        {
            check_columns(sql, table, path).await?;
        }
        let all = |tables: &[Table]| tables.iter().all(|table| has(&objects, table.name));
        let (shared, own, added) = (all(self.shared), all(self.own), all(self.added));
        let extras = self.extras.iter().all(|extra| has(&objects, extra.name));
        Ok(Tables {
            shared,
            own,
            added,
            complete: shared && own && added && extras,
        })
    }

    /// Creates what is missing, inside the caller's transaction.
    pub(crate) async fn complete(&self, sql: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
        let objects = objects(sql, path).await?;
        let tables = self.tables().map(|table| (table.name, table.sql));
        let extras = self.extras.iter().map(|extra| (extra.name, extra.sql));
        for (name, statement) in tables.chain(extras) {
            if !has(&objects, name) {
                sqlx::query(statement).execute(&mut *sql).await?;
            }
        }
        Ok(())
    }

    fn tables(&self) -> impl Iterator<Item = &'static Table> {
        self.shared.iter().chain(self.own).chain(self.added)
    }

    fn check_object(&self, object: &Object, path: &Path) -> Result<(), StoreError> {
        let is_ours = |name: &str| self.tables().any(|table| table.name == name);
        let foreign = |what: &str| {
            StoreError::refused(
                path,
                format!("a foreign {what} '{}' on '{}'", object.name, object.table),
            )
        };
        let everywhere = self.others == Others::Refused;
        let known = || {
            self.extras
                .iter()
                .any(|extra| extra.name == object.name && extra.sql == object.sql)
        };
        match object.kind.as_str() {
            "table" if is_virtual(&object.sql) && (everywhere || is_ours(&object.name)) => {
                Err(foreign("virtual table"))
            }
            "table" if is_ours(&object.name) => check_clauses(object, path),
            "table" => Ok(()),
            // The index behind a PRIMARY KEY has no text of its own.
            "index" if object.sql.is_empty() => Ok(()),
            _ if known() => Ok(()),
            kind if everywhere || is_ours(&object.name) || is_ours(&object.table) => Err(foreign(kind)),
            _ => Ok(()),
        }
    }
}

fn is_virtual(sql: &str) -> bool {
    sql.to_ascii_uppercase().starts_with("CREATE VIRTUAL")
}

/// Refuses clauses that change how a table takes rows without showing in its columns.
fn check_clauses(object: &Object, path: &Path) -> Result<(), StoreError> {
    const CLAUSES: [&str; 9] = [
        "COLLATE",
        "CONFLICT",
        "CHECK",
        "REFERENCES",
        "GENERATED",
        "UNIQUE",
        "WITHOUT",
        "STRICT",
        "DESC",
    ];
    let sql = object.sql.to_ascii_uppercase();
    let mut words = sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    match words.find(|word| CLAUSES.contains(word)) {
        Some(clause) => Err(StoreError::refused(
            path,
            format!("table '{}' has a foreign clause: {clause}", object.name),
        )),
        None => Ok(()),
    }
}

fn has(objects: &[Object], name: &str) -> bool {
    objects.iter().any(|object| object.name == name)
}

/// Reads the schema as one value: rows come one by one from the connection's thread, and this is asked at every
/// opening.
async fn objects(sql: &mut SqliteConnection, path: &Path) -> Result<Vec<Object>, StoreError> {
    let query =
        "SELECT json_group_array(json_array(type, name, tbl_name, substr(coalesce(sql, ''), 1, 4000)))
        FROM (SELECT * FROM sqlite_schema LIMIT ? + 0)";
    let list: String = sqlx::query_scalar(query)
        .bind(MAX_OBJECTS + 1)
        .fetch_one(sql)
        .await?;
    let rows: Vec<[String; 4]> =
        serde_json::from_str(&list).map_err(|_| StoreError::refused(path, "its schema can't be read"))?;
    if rows.len() > MAX_OBJECTS as usize {
        return Err(StoreError::refused(
            path,
            format!("a schema of over {MAX_OBJECTS} objects"),
        ));
    }
    Ok(rows.into_iter().map(Object::from).collect())
}

impl From<[String; 4]> for Object {
    fn from([kind, name, table, sql]: [String; 4]) -> Self {
        Object {
            kind,
            name,
            table,
            sql,
        }
    }
}

async fn check_columns(sql: &mut SqliteConnection, table: &Table, path: &Path) -> Result<(), StoreError> {
    let found = sqlx::query(table.pragma).try_map(column).fetch_all(sql).await?;
    let same = found.len() == table.columns.len()
        && found
            .iter()
            .zip(table.columns)
            .all(|(found, column)| found.is(column))
        && found.first().is_some_and(|first| first.key == 1);
    if same {
        return Ok(());
    }
    let names: Vec<&str> = found.iter().map(|column| column.name.as_str()).collect();
    Err(StoreError::refused(
        path,
        format!("table '{}' has a foreign shape: {}", table.name, names.join(", ")),
    ))
}

struct Column {
    name: String,
    kind: String,
    key: i64,
    hidden: i64,
}

impl Column {
    fn is(&self, (name, kind): &(&str, &str)) -> bool {
        self.name == *name && self.kind.eq_ignore_ascii_case(kind) && self.hidden == 0
    }
}

/// A row of `PRAGMA table_xinfo`: cid, name, type, notnull, default, pk, hidden.
fn column(row: SqliteRow) -> Result<Column, sqlx::Error> {
    Ok(Column {
        name: row.try_get(1)?,
        kind: row.try_get(2)?,
        key: row.try_get(5)?,
        hidden: row.try_get(6)?,
    })
}
