//! What the program takes from its environment, read once.

use std::ffi::OsString;
use std::path::PathBuf;

/// The host root.
const ROOT: &str = "SUPERVISE_ROOT";
/// The queue directory that `submit` uses when neither `--bottle` nor `--queue-dir` names one.
const QUEUE_DIR: &str = "SUPERVISE_QUEUE_DIR";
/// The kind of the queue in that directory, where its marker doesn't say so.
const QUEUE_URL: &str = "SUPERVISE_QUEUE_URL";
/// The bottle whose queue that directory is, where its name doesn't say so.
const BOTTLE_SLUG: &str = "SUPERVISE_BOTTLE_SLUG";
/// The address of a fleet's database.
const FLEET_URL: &str = "SUPERVISE_FLEET_URL";

/// The variables this program knows; blank counts as unset.
#[derive(Default)]
pub(crate) struct Environment {
    pub(crate) root: Option<PathBuf>,
    pub(crate) home: Option<PathBuf>,
    pub(crate) queue_dir: Option<PathBuf>,
    pub(crate) queue_url: Option<String>,
    pub(crate) bottle_slug: Option<String>,
    #[cfg_attr(
        not(feature = "postgres"),
        expect(dead_code, reason = "without a fleet nobody asks")
    )]
    pub(crate) fleet_url: Option<String>,
    pub(crate) editor: Option<String>,
    pub(crate) no_color: Option<OsString>,
    pub(crate) term: Option<String>,
    pub(crate) path: Option<OsString>,
}

/// Without what may hold a password.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// Reads every variable through `lookup`.
    pub(crate) fn read(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| lookup(name).filter(|value| !value.to_string_lossy().trim().is_empty());
        let text = |name: &str| set(name).and_then(|value| value.into_string().ok());
        Environment {
            root: set(ROOT).map(PathBuf::from),
            home: set("HOME").map(PathBuf::from),
            queue_dir: set(QUEUE_DIR).map(PathBuf::from),
            queue_url: text(QUEUE_URL).map(|url| url.trim().to_owned()),
            bottle_slug: text(BOTTLE_SLUG).map(|slug| slug.trim().to_owned()),
            fleet_url: text(FLEET_URL).map(|url| url.trim().to_owned()),
            editor: text("VISUAL").or_else(|| text("EDITOR")),
            no_color: set("NO_COLOR"),
            term: text("TERM"),
            path: set("PATH"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_counts_as_unset_and_visual_goes_before_editor() {
        let environment = Environment::read(|name| match name {
            "SUPERVISE_ROOT" => Some(" ".into()),
            "VISUAL" => Some("code -w".into()),
            "EDITOR" => Some("ed".into()),
            _ => None,
        });
        assert_eq!(environment.root, None);
        assert_eq!(environment.editor.as_deref(), Some("code -w"));
    }
}
