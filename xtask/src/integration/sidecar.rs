//! The sidecar's container, as the documentation says to run it.

use std::process::Command;

use super::check::wait;
use super::container::Container;
use super::site::{BOTTLE, Site};
use crate::command::{Failed, say, succeeds};
use crate::image::engine::Engine;

/// As in deploy/ and docs/containers.md.
const LIMITS: [&str; 2] = ["--memory=128m", "--pids-limit=32"];

/// Where the queue is in the container.
pub(super) const QUEUE: &str = "/run/supervise/queue";

pub(super) struct Sidecar<'a>(pub(super) Container<'a>);

impl<'a> Sidecar<'a> {
    /// Started and well.
    pub(super) fn run(site: &'a Site, settings: &[(&str, &str)]) -> Result<Sidecar<'a>, Failed> {
        let (container, mut run) = prepared(site, &LIMITS, settings);
        let container = match site.make(&mut run) {
            Ok(_) => container,
            // Inside another container there may be nothing that an engine could limit with.
            Err(failed) if failed.reason().contains("cgroup") => {
                say(&format!("no limits for this container: {}", failed.reason()));
                container.remove()?;
                let (container, mut run) = prepared(site, &[], settings);
                site.make(&mut run)?;
                container
            }
            Err(failed) => return Err(failed),
        };
        let sidecar = Sidecar(container);
        sidecar.wait_until_well()?;
        Ok(sidecar)
    }

    /// By the image's own health check.
    pub(super) fn wait_until_well(&self) -> Result<(), Failed> {
        let well = wait("the sidecar's health check", || Ok(self.is_well()?.then_some(())));
        well.map_err(|failed| {
            let log = self.0.logs().unwrap_or_default();
            Failed::new(format!("{}\n{log}", failed.reason()))
        })
    }

    fn is_well(&self) -> Result<bool, Failed> {
        match self.0.site.engine {
            // podman's timers need systemd; run by hand the check needs nothing.
            Engine::Podman => Ok(succeeds(self.command(&["healthcheck", "run"]).arg(&self.0.name))),
            _ => Ok(self.0.inspect("{{.State.Health.Status}}")? == "healthy"),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.0.site.engine_command(arguments)
    }
}

fn prepared<'a>(site: &'a Site, limits: &[&str], settings: &[(&str, &str)]) -> (Container<'a>, Command) {
    let (container, mut run) = Container::new(site, "sidecar");
    run.arg("--detach")
        .args(limits)
        .args(site.names.of("supervise"))
        .arg("--volume")
        .arg(format!("{}:{QUEUE}", site.queue().display()));
    let always = [
        ("SUPERVISE_BOTTLE_SLUG", BOTTLE),
        ("SUPERVISE_EGRESS_PROXY_URL", "http://egress:9099"),
    ];
    for (name, value) in always.iter().chain(settings) {
        run.arg(format!("--env={name}={value}"));
    }
    run.arg(site.sidecar_image());
    (container, run)
}
