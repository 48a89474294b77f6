//! A file for each component of each bottle. All are written beside their places before the first is moved.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use supervise_core::{SafeLine, Slug};
use supervise_store::{AuditFilter, Host};
use tempfile::{NamedTempFile, TempPath};

use crate::commands::audit::pages::Pages;
use crate::error::{CliError, Exit};
use crate::json;
use crate::render::export::{ExportObject, Marks, masked};
use crate::session::{Format, Session};
use crate::ui::line;

const CHUNK: usize = 64 << 10;

/// What becomes of a file of other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Other {
    Refuse,
    Replace,
}

/// A file that is written, but not yet in its place.
struct Staged {
    temporary: TempPath,
    path: PathBuf,
    entries: u64,
}

#[derive(Serialize)]
struct Written {
    path: String,
    entries: u64,
}

pub(super) async fn export(
    host: &Host,
    session: &Session<'_>,
    filter: &AuditFilter,
    marks: Marks,
    dir: &Path,
    other: Other,
) -> Result<Exit, CliError> {
    let trouble = |source: io::Error| CliError::failed(line!["writing to ", shown(dir)]).because(source);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(trouble)?;
    let mut exit = Exit::DONE;
    let mut staged = Vec::new();
    for (component, slug) in logs(host, session, filter).await? {
        let Some(name) = file_name(&component, &slug) else {
            let (component, slug) = (SafeLine::new(&component), SafeLine::new(&slug));
            session.ui.warn(line![
                "left out: no file can be named after the component '",
                component,
                "' of the bottle '",
                slug,
                "'"
            ]);
            exit = exit.or(crate::error::Kind::Failed.into());
            continue;
        };
        let filter = AuditFilter {
            slug: Some(slug),
            component: Some(component),
            ..filter.clone()
        };
        let file = stage(Pages::new(host, session, filter), marks, dir, dir.join(name)).await?;
        check(&file, other)?;
        staged.push(file);
    }
    for file in staged {
        let written = place(file)?;
        print(session, &written)?;
    }
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(trouble)?;
    Ok(exit)
}

/// The components and bottles that entries name.
async fn logs(
    host: &Host,
    session: &Session<'_>,
    filter: &AuditFilter,
) -> Result<BTreeSet<(String, String)>, CliError> {
    let mut logs = BTreeSet::new();
    let mut pages = Pages::new(host, session, filter.clone());
    loop {
        let entries = pages.next().await?;
        if entries.is_empty() {
            return Ok(logs);
        }
        let names = entries
            .into_iter()
            .map(|row| (row.entry.component, row.entry.bottle_slug));
        logs.extend(names);
    }
}

/// Rows may have been written by any program. A component without a dash makes the name unique.
fn file_name(component: &str, slug: &str) -> Option<String> {
    let is_name = !component.is_empty() && component.bytes().all(|byte| byte.is_ascii_lowercase());
    let slug: Slug = slug.parse().ok()?;
    (is_name && component.len() <= 32).then(|| format!("{component}-{slug}.log"))
}

async fn stage(mut pages: Pages<'_>, marks: Marks, dir: &Path, path: PathBuf) -> Result<Staged, CliError> {
    let trouble = |source: io::Error| CliError::failed(line!["writing ", shown(&path)]).because(source);
    let file = NamedTempFile::new_in(dir).map_err(trouble)?;
    let mut out = BufWriter::new(file);
    let mut entries = 0;
    loop {
        let page = pages.next().await?;
        if page.is_empty() {
            break;
        }
        for row in &page {
            let text = json::to_text(&ExportObject::new(&masked(row, marks), marks));
            let text = text.map_err(|error| trouble(error.into()))?;
            writeln!(out, "{text}").map_err(trouble)?;
            entries += 1;
        }
    }
    let file = out.into_inner().map_err(|error| trouble(error.into_error()))?;
    file.as_file().sync_all().map_err(trouble)?;
    Ok(Staged {
        temporary: file.into_temp_path(),
        path,
        entries,
    })
}

/// Refuses to lose what is there: only a log that has grown, or what the operator said may go, is replaced.
fn check(file: &Staged, other: Other) -> Result<(), CliError> {
    let path = &file.path;
    let trouble = |source: io::Error| CliError::failed(line!["reading ", shown(path)]).because(source);
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(trouble(error)),
    };
    if !there.is_file() {
        return Err(CliError::failed(line![
            shown(path),
            " is no regular file; nothing was written"
        ]));
    }
    if other == Other::Replace || begins_with(&file.temporary, path).map_err(trouble)? {
        return Ok(());
    }
    let message = line![shown(path), " has other content; nothing was written"];
    Err(CliError::failed(message).hint("--force replaces it"))
}

/// Whether `new` is `old` and what was appended to it.
fn begins_with(new: &Path, old: &Path) -> io::Result<bool> {
    let mut new = BufReader::with_capacity(CHUNK, File::open(new)?);
    let mut old = File::open(old)?;
    let (mut ours, mut theirs) = (vec![0; CHUNK], vec![0; CHUNK]);
    loop {
        let length = old.read(&mut theirs)?;
        if length == 0 {
            return Ok(true);
        }
        match new.read_exact(&mut ours[..length]) {
            Ok(()) if ours[..length] == theirs[..length] => {}
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

fn place(file: Staged) -> Result<Written, CliError> {
    let Staged {
        temporary,
        path,
        entries,
    } = file;
    temporary
        .persist(&path)
        .map_err(|error| CliError::failed(line!["writing ", shown(&path)]).because(error.error))?;
    Ok(Written {
        path: path.to_string_lossy().into_owned(),
        entries,
    })
}

fn print(session: &Session<'_>, written: &Written) -> Result<(), CliError> {
    if session.format == Format::Json {
        return session.ui.json(written);
    }
    let path = SafeLine::new(&written.path);
    session.ui.data(&[line![path, ": ", written.entries, " entries"]]);
    Ok(())
}

fn shown(path: &Path) -> SafeLine {
    SafeLine::new(&path.to_string_lossy())
}
