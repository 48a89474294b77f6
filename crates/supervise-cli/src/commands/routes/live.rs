//! The bottle's routes file, as every verb here reads it.

use std::path::PathBuf;

use supervise_core::{RoutesError, SafeLine, Slug, Tool};

use crate::apply::LiveFile;
use crate::error::{CliError, Kind};
use crate::session::Session;
use crate::ui::line;

/// The file that the configuration names, and its text if there is one.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) path: PathBuf,
    pub(super) text: Option<String>,
}

impl Live {
    pub(super) fn of(session: &Session<'_>, slug: &Slug) -> Result<Live, CliError> {
        match LiveFile::of(session, slug, Tool::EgressAllow)? {
            LiveFile::NotConfigured => {
                let error = CliError::usage("no routes file is configured");
                Err(error
                    .hint("name it as routes_file, and its reload command, under [egress] in supervise.toml"))
            }
            LiveFile::Refused(why) => Err(CliError::failed(SafeLine::new(&why))),
            LiveFile::Found { path, text, .. } => Ok(Live { path, text }),
        }
    }

    /// The file's text, which must be there.
    pub(super) fn text(&self) -> Result<&str, CliError> {
        self.text.as_deref().ok_or_else(|| {
            let path = SafeLine::new(&self.path.to_string_lossy());
            CliError::new(Kind::Missing, line![path, ": there is no such file"])
        })
    }

    /// That the file can't be read as routes.
    pub(super) fn refused(&self, error: &RoutesError) -> CliError {
        let path = SafeLine::new(&self.path.to_string_lossy());
        CliError::failed(line![path, ": ", SafeLine::new(&error.to_string())])
    }
}
