//! `queues.toml`: which kind of queue each bottle has, and where a fleet's database is. It is the host's word: what a
//! bottle puts into its queue's directory isn't asked. It may hold a password, so it is its owner's alone, and changed
//! under a lock.

mod text;

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::Deserialize;
use supervise_core::{Root, SafeLine, Slug};
use supervise_store::{Backend, Place};
#[cfg(feature = "postgres")]
use supervise_store::{FleetUrl, StoreError};
use tempfile::NamedTempFile;

use crate::config::{Openness, owned_text, refused};
use crate::error::CliError;
use crate::ui::line;

/// The whole file. A bottle that it doesn't name has a SQLite file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Queues {
    #[serde(default)]
    bottles: BTreeMap<String, Kind>,
    pub(crate) fleet: Option<Fleet>,
}

/// What a bottle on this host may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Sqlite,
    Files,
}

/// The fleet's database.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fleet {
    /// Its address with the operators' password.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(dead_code, reason = "read only to be told that it can't be used")
    )]
    pub(crate) url: String,
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet").finish_non_exhaustive()
    }
}

impl Queues {
    /// Reads the root's file. One that others could read or write, or that says what isn't known, is a usage error.
    pub(crate) fn load(root: &Root) -> Result<Queues, CliError> {
        let path = path(root);
        match owned_text(&path, Openness::Private)? {
            Some(text) => parse(&path, &text),
            None => Ok(Queues::default()),
        }
    }

    /// What the file says of a bottle; `None` where it doesn't name it.
    pub(crate) fn backend(&self, slug: &Slug) -> Option<Backend> {
        self.bottles.get(slug.as_str()).map(|kind| match kind {
            Kind::Sqlite => Backend::Sqlite,
            Kind::Files => Backend::Files,
        })
    }

    /// Where a bottle's queue is: on this host, or, where there is nothing of the kind, in the fleet.
    pub(crate) fn place(&self, root: &Root, slug: &Slug) -> Place {
        let here = Place::new(root, slug, self.backend(slug).unwrap_or(Backend::Sqlite));
        if here.dir.exists() {
            return here;
        }
        self.in_fleet(root, slug).unwrap_or(here)
    }

    #[cfg(feature = "postgres")]
    fn in_fleet(&self, root: &Root, slug: &Slug) -> Option<Place> {
        let url = self.fleet_url()?.ok()?;
        Some(Place::in_fleet(root, slug, &url))
    }

    #[cfg(not(feature = "postgres"))]
    fn in_fleet(&self, _: &Root, _: &Slug) -> Option<Place> {
        None
    }

    /// The fleet's database; `None` where there is no fleet.
    #[cfg(feature = "postgres")]
    pub(crate) fn fleet_url(&self) -> Option<Result<FleetUrl, StoreError>> {
        let url = &self.fleet.as_ref()?.url;
        Some(
            url.parse()
                .map_err(|error: supervise_store::FleetUrlError| StoreError::Denied(error.to_string())),
        )
    }

    /// Names the kind of a bottle's queue.
    pub(crate) fn choose(root: &Root, slug: &Slug, backend: Backend) -> Result<(), CliError> {
        let chosen = |queues: &Queues| queues.backend(slug) == Some(backend);
        Queues::set(root, "bottles", slug.as_str(), backend.name(), chosen).map(|_| ())
    }

    /// Sets `key` of `table`, making file and table where they are missing; everything else stays as it is written.
    /// `keep` looks at what is there: true leaves it so. Says whether something was set.
    pub(crate) fn set(
        root: &Root,
        table: &str,
        key: &str,
        value: &str,
        keep: impl FnOnce(&Queues) -> bool,
    ) -> Result<bool, CliError> {
        let path = path(root);
        // The root itself is locked: a file that is replaced can't be.
        let _lock = lock(root).map_err(|source| unwritten(&path, source))?;
        let text = owned_text(&path, Openness::Private)?.unwrap_or_default();
        if keep(&parse(&path, &text)?) {
            return Ok(false);
        }
        let text = text::with(&text, table, key, value);
        parse(&path, &text)?;
        write(root, &path, &text).map_err(|source| unwritten(&path, source))?;
        Ok(true)
    }
}

fn path(root: &Root) -> PathBuf {
    root.queues_file()
}

fn parse(path: &Path, text: &str) -> Result<Queues, CliError> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let number = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        // The words of the error may repeat a value.
        refused(path, line!["line ", number, " can't be read"])
    })
}

fn lock(root: &Root) -> io::Result<File> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(root.path())?;
    let dir = File::open(root.path())?;
    flock(&dir, FlockOperation::LockExclusive)?;
    Ok(dir)
}

fn write(root: &Root, path: &Path, text: &str) -> io::Result<()> {
    // Its owner's alone from the first moment on.
    let mut file = NamedTempFile::new_in(root.path())?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(root.path())?.sync_all()
}

fn unwritten(path: &Path, source: io::Error) -> CliError {
    let path = SafeLine::new(&path.to_string_lossy());
    CliError::failed(line!["the configuration ", path, " can't be written"]).because(source)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn root() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path().join("root"));
        (dir, root)
    }

    #[test]
    fn what_is_set_is_read_and_stays_private() {
        let (_dir, root) = root();
        let set = |url: &str| Queues::set(&root, "fleet", "url", url, |queues| queues.fleet.is_some());
        assert!(Queues::load(&root).unwrap().fleet.is_none());
        assert!(set("postgres://a:b@h/d").unwrap());
        assert!(!set("postgres://other").unwrap());
        let queues = Queues::load(&root).unwrap();
        assert_eq!(queues.fleet.as_ref().unwrap().url, "postgres://a:b@h/d");
        assert!(!format!("{queues:?}").contains("postgres"));
        let mode = fs::metadata(path(&root)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_kind_is_chosen_and_the_others_stay() {
        let (_dir, root) = root();
        let slug = |name: &str| name.parse::<Slug>().unwrap();
        assert_eq!(
            Queues::load(&root).unwrap().place(&root, &slug("dev")).backend,
            Backend::Sqlite
        );
        Queues::set(&root, "fleet", "url", "postgres://a:b@h/d", |_| false).unwrap();
        for (name, backend) in [
            ("dev", Backend::Files),
            ("web.1", Backend::Sqlite),
            ("web.1", Backend::Files),
        ] {
            Queues::choose(&root, &slug(name), backend).unwrap();
        }
        let queues = Queues::load(&root).unwrap();
        assert_eq!(queues.backend(&slug("dev")), Some(Backend::Files));
        assert_eq!(queues.backend(&slug("web.1")), Some(Backend::Files));
        assert!(queues.fleet.is_some());
    }

    #[test]
    fn a_file_that_others_can_read_or_that_is_wrong_is_refused() {
        let (_dir, root) = root();
        fs::create_dir(root.path()).unwrap();
        for (text, mode) in [
            ("[fleet]\nurl = \"x\"\n", 0o640),
            ("[fleet]\nurl = \"secret\n", 0o600),
            ("[fleet]\nuri = \"secret\"\n", 0o600),
            ("[fleets]\n", 0o600),
        ] {
            fs::write(path(&root), text).unwrap();
            fs::set_permissions(path(&root), fs::Permissions::from_mode(mode)).unwrap();
            let error = Queues::load(&root).unwrap_err();
            assert_eq!(error.kind(), crate::error::Kind::Usage, "{text}");
            assert!(!format!("{:?}", error.explanation()).contains("secret"));
        }
    }

    #[test]
    fn many_who_set_lose_nothing() {
        let (_dir, root) = root();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let root = &root;
                scope.spawn(move || {
                    let value = n.to_string();
                    Queues::set(root, "fleet", "url", &value, |_| false).unwrap();
                });
            }
        });
        assert!(Queues::load(&root).unwrap().fleet.is_some());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
