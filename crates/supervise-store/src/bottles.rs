//! Which bottles a root has, and preparing a new one.

use std::ffi::OsString;
use std::fs::FileType;
use std::path::{Path, PathBuf};

use supervise_core::{Plan, QUEUE_DB_FILENAME, Root, Slug};

use crate::error::StoreError;
use crate::files;
use crate::guard;

/// An entry of the directory of queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bottle {
    /// A bottle's queue directory with a database in it, or with the bottle's side of a queue of files.
    Queue(Slug, PathBuf),
    /// Something that is no queue. Its name is raw text.
    Unusable {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
}

/// Makes a bottle's queue directory (0700), so that a launcher can mount it.
pub fn prepare(root: &Root, slug: &Slug) -> Result<Plan, StoreError> {
    let queue_dir = root.queue_dir(slug);
    guard::create_dir(&queue_dir)?;
    Ok(Plan {
        slug: slug.to_string(),
        queue_dir,
        internal_network: String::new(),
    })
}

/// The bottles under a root, by name. A root that isn't there has none.
pub fn bottles(root: &Root) -> Result<Vec<Bottle>, StoreError> {
    let dir = root.queues_dir();
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io(&dir, error)),
    };
    let mut bottles = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| StoreError::io(&dir, error))?;
        let kind = entry
            .file_type()
            .map_err(|error| StoreError::io(&entry.path(), error))?;
        bottles.extend(bottle(entry.file_name(), kind, entry.path()));
    }
    bottles.sort_by(|a, b| name(a).cmp(name(b)));
    Ok(bottles)
}

fn bottle(file_name: OsString, kind: FileType, path: PathBuf) -> Option<Bottle> {
    let name = file_name.to_string_lossy().into_owned();
    let unusable = |why: String| {
        Some(Bottle::Unusable {
            name: name.clone(),
            why,
        })
    };
    if kind.is_symlink() {
        return unusable("a symbolic link".to_owned());
    }
    if !kind.is_dir() {
        return None;
    }
    match name.parse::<Slug>() {
        Err(error) => unusable(error.to_string()),
        // Prepared but never used: there is nothing to list. Whatever else is wrong, opening it will say so.
        Ok(slug) => (is_there(&path.join(QUEUE_DB_FILENAME)) || is_there(&path.join(files::IN)))
            .then_some(Bottle::Queue(slug, path)),
    }
}

fn is_there(path: &Path) -> bool {
    !matches!(path.symlink_metadata(), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
}

fn name(bottle: &Bottle) -> &str {
    match bottle {
        Bottle::Queue(slug, _) => slug.as_str(),
        Bottle::Unusable { name, .. } => name,
    }
}
