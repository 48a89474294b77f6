//! The program that runs containers: which are here, which of them work, and what to do when none does.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::command::{self, Failed};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Engine {
    Docker,
    Podman,
    Buildah,
}

const ALL: [Engine; 3] = [Engine::Docker, Engine::Podman, Engine::Buildah];
/// buildah only makes images.
const RUNNERS: [Engine; 2] = [Engine::Docker, Engine::Podman];

/// What Debian needs for podman when nothing is installed that is only recommended.
const DEBIAN: &str = "podman runc iptables netavark aardvark-dns";

impl Engine {
    /// The wanted one, or the first that works.
    pub(crate) fn find(wanted: Option<Engine>) -> Result<Engine, Failed> {
        Engine::first(wanted, &ALL)
    }

    /// The same among those that run containers.
    pub(crate) fn find_runner(wanted: Option<Engine>) -> Result<Engine, Failed> {
        if wanted == Some(Engine::Buildah) {
            return Err(Failed::new(
                "buildah makes images but runs none; take docker or podman",
            ));
        }
        Engine::first(wanted, &RUNNERS)
    }

    fn first(wanted: Option<Engine>, among: &[Engine]) -> Result<Engine, Failed> {
        let tried: Vec<_> = among
            .iter()
            .filter(|engine| wanted.is_none_or(|wanted| wanted == **engine))
            .map(|engine| (*engine, engine.trial()))
            .collect();
        let works = tried.iter().find(|(_, trouble)| trouble.is_none());
        works.map(|(engine, _)| *engine).ok_or_else(|| {
            let lines = tried.iter().filter_map(|(engine, trouble)| {
                Some(format!("\n  {engine}: {}", trouble.as_deref()?))
            });
            Failed::new(format!(
                "no container engine that works:{}\non Debian: apt-get install --no-install-recommends {DEBIAN}",
                lines.collect::<String>()
            ))
        })
    }

    /// What is wrong with it, if anything.
    fn trial(self) -> Option<String> {
        let mut command = self.command();
        command.args(match self {
            // The client alone answers without its daemon.
            Engine::Docker => ["version", "--format", "{{.Server.Version}}"],
            Engine::Podman => ["info", "--format", "{{.Host.OCIRuntime.Name}}"],
            Engine::Buildah => ["info", "--format", "{{.store.GraphDriverName}}"],
        });
        match command.stdin(Stdio::null()).output() {
            Ok(said) if said.status.success() => None,
            Ok(said) => Some(last_line(&String::from_utf8_lossy(&said.stderr))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some("not installed".to_owned()),
            Err(error) => Some(error.to_string()),
        }
    }

    pub(crate) fn command(self) -> Command {
        Command::new(self.to_string())
    }

    /// Loads an image from an archive in Docker's form, under the name that stands in it.
    pub(crate) fn load(self, archive: &Path) -> Result<(), Failed> {
        let mut load = self.command();
        match self {
            Engine::Docker | Engine::Podman => load.args(["load", "--quiet", "--input"]).arg(archive),
            Engine::Buildah => load.args(["pull", "--quiet"]).arg(transport(archive)),
        };
        command::read(&mut load).map(|_| ())
    }
}

fn transport(archive: &Path) -> std::ffi::OsString {
    let mut source = std::ffi::OsString::from("docker-archive:");
    source.push(archive);
    source
}

fn last_line(text: &str) -> String {
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.unwrap_or("fails and doesn't say why").trim().to_owned()
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Docker => "docker",
            Engine::Podman => "podman",
            Engine::Buildah => "buildah",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_builds_only_is_no_runner() {
        let failed = Engine::find_runner(Some(Engine::Buildah)).unwrap_err();
        assert!(
            failed.reason().contains("docker or podman"),
            "{}",
            failed.reason()
        );
    }

    #[test]
    fn the_end_of_what_an_engine_says_is_its_reason() {
        assert_eq!(
            last_line("warning: old\nCannot connect to the daemon \n\n"),
            "Cannot connect to the daemon"
        );
        assert_eq!(last_line(""), "fails and doesn't say why");
    }
}
