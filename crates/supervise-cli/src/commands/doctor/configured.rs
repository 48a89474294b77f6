//! What `supervise.toml` names: whether the programs can be run, and the files be changed.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::process::geteuid;
use supervise_core::{Routes, Slug};

use super::{Finding, Level, quoted};
use crate::apply::Target;
use crate::config::{Config, Places};
use crate::session::Session;

/// Where programs are looked for when the environment doesn't say.
const DEFAULT_PATH: &str = "/bin:/usr/bin";
const WRITABLE_BY_OTHERS: u32 = 0o022;
const WRITABLE_BY_ALL: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// What is wrong with what is configured for these bottles.
pub(super) fn check(session: &Session<'_>, config: &Config, bottles: &[Slug]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (section, program) in programs(session, config, bottles) {
        findings.extend(program_finding(session, section, &program));
    }
    for slug in bottles {
        let places = Places {
            root: &session.root,
            slug,
        };
        if let Some(egress) = &config.egress {
            findings.extend(file_finding(&places.path(&egress.routes_file), |text| {
                Routes::parse(text).err().map(|error| error.to_string())
            }));
        }
        if let Some(capability) = &config.capability {
            findings.extend(file_finding(&places.path(&capability.dockerfile), |_| None));
        }
    }
    findings
}

/// Each program once, with what names it. With no bottle yet, those that are the same for all.
fn programs(session: &Session<'_>, config: &Config, bottles: &[Slug]) -> BTreeSet<(&'static str, String)> {
    let commands = [
        ("[egress] reload", config.egress.as_ref().map(|part| &part.reload)),
        (
            "[capability] rebuild",
            config.capability.as_ref().map(|part| &part.rebuild),
        ),
        (
            "[notify] command",
            config.notify.as_ref().map(|part| &part.command),
        ),
    ];
    let mut programs = BTreeSet::new();
    for (section, command) in commands {
        let Some(program) = command.and_then(|command| command.first()) else {
            continue;
        };
        let root = &session.root;
        let any = "any"
            .parse()
            .ok()
            .filter(|_| bottles.is_empty() && !program.contains("{slug}"));
        for slug in bottles.iter().chain(any.as_ref()) {
            let filled = Places { root, slug }.command(std::slice::from_ref(program));
            programs.extend(filled.into_iter().map(|program| (section, program)));
        }
    }
    programs
}

fn program_finding(session: &Session<'_>, section: &str, program: &str) -> Option<Finding> {
    let config = session.root.config();
    let wrong = |text: String, mend: String| Some(Finding::new(Level::Wrong, section, text, mend));
    let Some(path) = find(program, session.environment.path.as_deref()) else {
        let mend = format!(
            "install it, or name it with its whole path in {}",
            quoted(&config)
        );
        return wrong(format!("its program '{program}' is not found"), mend);
    };
    let name = path.display();
    if !path.is_file() {
        let mend = format!("name a program in {}", quoted(&config));
        return wrong(format!("its program {name} is no file"), mend);
    }
    if access(&path, Access::EXEC_OK).is_err() {
        let mend = format!("chmod u+x {}", quoted(&path));
        return wrong(format!("its program {name} may not be run"), mend);
    }
    let (text, mend) = exposed(&path)?;
    wrong(format!("its program {text}"), mend)
}

/// Finds a program as it is found when it is run.
fn find(program: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.exists());
    }
    let dirs = path.unwrap_or(OsStr::new(DEFAULT_PATH));
    let runs = |path: &PathBuf| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    std::env::split_paths(dirs)
        .map(|dir| dir.join(program))
        .find(runs)
}

/// Who could put another program in its place.
fn exposed(path: &Path) -> Option<(String, String)> {
    let path = path.canonicalize().ok()?;
    let found = path.metadata().ok()?;
    let name = quoted(&path);
    if ![0, geteuid().as_raw()].contains(&found.uid()) {
        let text = format!("{} belongs to user {}", path.display(), found.uid());
        return Some((text, format!("sudo chown root {name}")));
    }
    if found.mode() & WRITABLE_BY_OTHERS != 0 {
        let text = format!(
            "{} can be written by others: its mode is {:04o}",
            path.display(),
            found.mode() & 0o7777
        );
        return Some((text, format!("chmod go-w {name}")));
    }
    let dir = path.parent()?;
    let mode = dir.metadata().ok()?.mode();
    if mode & WRITABLE_BY_ALL != 0 && mode & STICKY == 0 {
        let text = format!(
            "{} can be replaced by others: {} is open to all",
            path.display(),
            dir.display()
        );
        return Some((text, format!("chmod o-w {}", quoted(dir))));
    }
    None
}

/// What keeps a file from being read and replaced, and what is wrong with its text.
fn file_finding(path: &Path, check: impl Fn(&str) -> Option<String>) -> Option<Finding> {
    let dir = path.parent().unwrap_or(path);
    let wrong =
        |text: String, mend: String| Some(Finding::new(Level::Wrong, path.display().to_string(), text, mend));
    let target = match Target::open(path) {
        Ok(target) => target,
        Err(_) if !dir.exists() => {
            let text = "its directory is not there".to_owned();
            return wrong(text, format!("mkdir -p {}", quoted(dir)));
        }
        Err(why) => return wrong(why.to_string(), format!("ls -ld {}", quoted(dir))),
    };
    let read = target.read().and_then(|live| {
        target.check_writable(live.as_ref())?;
        Ok(live)
    });
    match read {
        Err(why) => wrong(
            why.to_string(),
            format!("ls -ld {} {}", quoted(dir), quoted(path)),
        ),
        Ok(_) if access(dir, Access::WRITE_OK).is_err() => {
            let text = "its directory can't be written".to_owned();
            wrong(text, format!("chmod u+w {}", quoted(dir)))
        }
        Ok(live) => {
            let text = live.and_then(|live| check(&live.text))?;
            wrong(text, format!("mend it: ${{EDITOR}} {}", quoted(path)))
        }
    }
}
