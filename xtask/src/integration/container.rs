//! One container with nothing it could do without: the flags that the documentation recommends.

use std::process::Command;

use rustix::process::{Resource, geteuid, getrlimit};

use super::site::{Site, removal};
use crate::command::Failed;
use crate::image::engine::Engine;

/// A container by its name. It goes with its site.
pub(super) struct Container<'a> {
    pub(super) site: &'a Site,
    pub(super) name: String,
}

impl<'a> Container<'a> {
    /// `run` with its flags, to which the image and its arguments are added.
    pub(super) fn new(site: &'a Site, of: &str) -> (Container<'a>, Command) {
        let name = site.name(of);
        let mut run = site.engine_command(&["run", "--name", &name, "--network", &site.network()]);
        run.args([
            "--read-only",
            "--cap-drop=ALL",
            "--security-opt",
            "no-new-privileges",
        ])
        .arg(format!("--user={}:{}", site.account.uid, site.account.gid));
        if site.engine == Engine::Podman {
            run.args(podmans());
        }
        run.args(site.names.for_all());
        (Container { site, name }, run)
    }

    pub(super) fn stop(&self) -> Result<(), Failed> {
        self.tell(&["stop", "--time", "10"])
    }

    pub(super) fn start(&self) -> Result<(), Failed> {
        self.tell(&["start"])
    }

    pub(super) fn restart(&self) -> Result<(), Failed> {
        self.tell(&["restart", "--time", "10"])
    }

    /// With a signal that can't be caught.
    pub(super) fn kill(&self) -> Result<(), Failed> {
        self.tell(&["kill", "--signal", "KILL"])
    }

    /// Killed, if it runs, and gone.
    pub(super) fn remove(&self) -> Result<(), Failed> {
        self.tell(&removal(self.site.engine))
    }

    pub(super) fn logs(&self) -> Result<String, Failed> {
        let mut logs = self.site.engine_command(&["logs", &self.name]);
        let said = logs.output().map_err(super::check::trouble("reading a log"))?;
        Ok(String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned())
    }

    pub(super) fn inspect(&self, format: &str) -> Result<String, Failed> {
        let arguments = ["inspect", "--type", "container", "--format", format, &self.name];
        self.site.make(&mut self.site.engine_command(&arguments))
    }

    fn tell(&self, arguments: &[&str]) -> Result<(), Failed> {
        let mut command = self.site.engine_command(arguments);
        command.arg(&self.name);
        self.site.make(&mut command).map(|_| ())
    }
}

/// What docker does by itself.
fn podmans() -> Vec<String> {
    // Without it a read-only container has a writable /tmp, /run and /var/tmp.
    let mut flags = vec!["--read-only-tmpfs=false".to_owned()];
    if !geteuid().is_root() {
        flags.push("--userns=keep-id".to_owned());
    }
    // podman raises limits, which a machine may forbid even to root; less than it has is enough.
    for (name, resource, enough) in [
        ("nofile", Resource::Nofile, 65_536),
        ("nproc", Resource::Nproc, 32_768),
    ] {
        let limit = getrlimit(resource).maximum.unwrap_or(enough).min(enough);
        flags.push(format!("--ulimit={name}={limit}:{limit}"));
    }
    flags
}
