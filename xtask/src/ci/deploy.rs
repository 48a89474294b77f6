//! The examples in `deploy/`, read by the programs they are written for.

use std::fs;
use std::process::Command;

use super::{Missing, Outcome};
use crate::command::{self, Failed, say, shell_line};

const UNIT: &str = "deploy/systemd/supervise-sidecar@.service";
const COMPOSE: &str = "deploy/compose.yaml";

pub(super) fn check(_: Missing) -> Result<Outcome, Failed> {
    let checked = [verify_unit()?, read_compose()?];
    match checked.contains(&true) {
        true => Ok(Outcome::Passed),
        false => Ok(Outcome::Skipped(
            "neither systemd-analyze nor docker compose is installed",
        )),
    }
}

/// Whether systemd was there to read the unit. It only warns of a key that it doesn't know, so any word is a failure.
fn verify_unit() -> Result<bool, Failed> {
    if !command::succeeds(Command::new("systemd-analyze").arg("--version")) {
        say("not verified: the systemd unit, for want of systemd-analyze");
        return Ok(false);
    }
    let trouble = |error| Failed::new(format!("{UNIT}: {error}"));
    let unit = fs::read_to_string(UNIT).map_err(trouble)?;
    let folder = tempfile::tempdir().map_err(trouble)?;
    let copy = folder.path().join("supervise-sidecar@dev.service");
    // The program is not where the unit has it on a machine that only checks.
    fs::write(
        &copy,
        unit.replace("/usr/local/bin/supervise-sidecar", "/bin/true"),
    )
    .map_err(trouble)?;
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]).arg(&copy);
    say(&format!("$ {}", shell_line(&verify)));
    let output = verify.output().map_err(trouble)?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || said.contains("supervise-sidecar@") {
        return Err(Failed::new(format!("{UNIT}: {}", said.trim())));
    }
    Ok(true)
}

/// Whether compose was there to read its file.
fn read_compose() -> Result<bool, Failed> {
    if !command::succeeds(Command::new("docker").args(["compose", "version"])) {
        say("not read: the compose file, for want of docker compose");
        return Ok(false);
    }
    let mut config = Command::new("docker");
    config
        .args(["compose", "--file", COMPOSE, "config", "--quiet"])
        .env("OWNER", "1000:1000")
        .env("EGRESS_IMAGE", "egress")
        .env("AGENT_IMAGE", "agent");
    command::run(&mut config)?;
    Ok(true)
}
