//! `queues.toml`: which kind of queue each bottle has. The host's word; what lies in a queue's directory is not asked.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use supervise_core::{Root, SafeLine, Slug};
use supervise_store::{Backend, Place};

use crate::config::{own_text, parse_toml};
use crate::error::CliError;
use crate::ui::line;

const HEADER: &str = "# Which kind of queue each bottle has. Written by `supervise prepare`.\n\n";

/// The whole file. A bottle that it doesn't name has a SQLite file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Queues {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    bottles: BTreeMap<String, Kind>,
}

/// A backend by its name in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Sqlite,
    Files,
}

impl From<Kind> for Backend {
    fn from(kind: Kind) -> Backend {
        match kind {
            Kind::Sqlite => Backend::Sqlite,
            Kind::Files => Backend::Files,
        }
    }
}

impl From<Backend> for Kind {
    fn from(backend: Backend) -> Kind {
        match backend {
            Backend::Sqlite => Kind::Sqlite,
            Backend::Files => Kind::Files,
        }
    }
}

impl Queues {
    /// Reads the root's file; none is an empty one. One that others could write is a usage error.
    pub(crate) fn load(root: &Root) -> Result<Queues, CliError> {
        let path = root.queues_file();
        match own_text(&path)? {
            Some(text) => parse_toml(&path, &text),
            None => Ok(Queues::default()),
        }
    }

    /// What the file says of a bottle; `None` where it doesn't name it.
    pub(crate) fn backend(&self, slug: &Slug) -> Option<Backend> {
        self.bottles.get(slug.as_str()).copied().map(Backend::from)
    }

    /// Where a bottle's queue is.
    pub(crate) fn place(&self, root: &Root, slug: &Slug) -> Place {
        Place::new(root, slug, self.backend(slug).unwrap_or(Backend::Sqlite))
    }

    /// Names a bottle's kind in the file: under a lock, read again, whole or not at all.
    pub(crate) fn choose(root: &Root, slug: &Slug, backend: Backend) -> Result<(), CliError> {
        let path = root.queues_file();
        let written = |source: std::io::Error| {
            let path = SafeLine::new(&path.to_string_lossy());
            CliError::failed(line![path, " can't be written"]).because(source)
        };
        let dir = File::open(root.path()).map_err(written)?;
        // The directory's own lock, freed by the kernel whatever happens.
        flock(&dir, FlockOperation::LockExclusive).map_err(|errno| written(errno.into()))?;
        let mut queues = Queues::load(root)?;
        if queues.backend(slug) == Some(backend) {
            return Ok(());
        }
        queues.bottles.insert(slug.to_string(), backend.into());
        let text = toml::to_string(&queues)
            .map_err(|source| CliError::failed("the list of queues has no form as TOML").because(source))?;
        replace(root.path(), &path, &format!("{HEADER}{text}")).map_err(written)?;
        dir.sync_all().map_err(written)
    }
}

fn replace(dir: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    // 0600, as all of tempfile's are.
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_choice_is_read_back_and_leaves_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path());
        let (dev, web): (Slug, Slug) = ("dev".parse().unwrap(), "web.1".parse().unwrap());
        assert_eq!(
            Queues::load(&root).unwrap().place(&root, &dev).backend,
            Backend::Sqlite
        );
        Queues::choose(&root, &dev, Backend::Files).unwrap();
        Queues::choose(&root, &web, Backend::Sqlite).unwrap();
        Queues::choose(&root, &web, Backend::Files).unwrap();
        let queues = Queues::load(&root).unwrap();
        assert_eq!(queues.backend(&dev), Some(Backend::Files));
        assert_eq!(queues.backend(&web), Some(Backend::Files));
        let mode = root.queues_file().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_not_known_is_named_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path());
        for (text, word) in [
            ("[bottles]\ndev = \"rabbit\"\n", "line 2"),
            ("\n[bottle]\n", "line 2"),
            ("[bottles\n", "line 1"),
        ] {
            std::fs::write(root.queues_file(), text).unwrap();
            std::fs::set_permissions(root.queues_file(), PermissionsExt::from_mode(0o600)).unwrap();
            let error = Queues::load(&root).unwrap_err().explanation().plain();
            assert!(error.contains(word), "{error}");
        }
        std::fs::set_permissions(root.queues_file(), PermissionsExt::from_mode(0o666)).unwrap();
        let error = Queues::load(&root).unwrap_err().explanation().plain();
        assert!(error.contains("others can write it"), "{error}");
    }
}
