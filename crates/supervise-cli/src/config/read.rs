//! Reading `supervise.toml`: only from a file that nobody else could have written.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::str::FromStr as _;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::geteuid;
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer};
use supervise_core::{Root, SafeLine, Slug};

use super::{Config, Egress, Places, SUMMARY};
use crate::error::CliError;
use crate::ui::{Line, line};

const MAX_BYTES: u64 = 64 << 10;
const MAX_OPERATOR_CHARS: usize = 100;
const WRITABLE_BY_OTHERS: u32 = 0o022;
const OPEN_TO_OTHERS: u32 = 0o077;

/// What others may do with a file that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Openness {
    Readable,
    /// It may hold a password.
    Private,
}

impl Openness {
    fn check(self, mode: u32) -> Result<(), &'static str> {
        match self {
            Openness::Readable if mode & WRITABLE_BY_OTHERS != 0 => Err("others can write it: chmod go-w"),
            Openness::Private if mode & OPEN_TO_OTHERS != 0 => Err("others can read or write it: chmod 600"),
            Openness::Readable | Openness::Private => Ok(()),
        }
    }
}

pub(super) fn load(path: &Path) -> Result<Config, CliError> {
    let Some(text) = owned_text(path, Openness::Readable)? else {
        return Ok(Config::default());
    };
    parse(&text).map_err(|why| refused(path, why))
}

pub(super) fn parse(text: &str) -> Result<Config, Line> {
    let config: Config = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let number = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        line!["line ", number, ": ", SafeLine::new(error.message())]
    })?;
    let egress = config.egress.as_ref();
    egress
        .map_or(Ok(()), check_introspection)
        .map_err(|what| line![what])?;
    Ok(config)
}

/// A file's text, if nobody else could have written it; `None` where there is none.
pub(crate) fn owned_text(path: &Path, openness: Openness) -> Result<Option<String>, CliError> {
    // A pipe in its place must not hold up a decision.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(CWD, path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(unreadable(path, errno.into())),
    };
    let found = file.metadata().map_err(|error| unreadable(path, error))?;
    let why = match openness.check(found.mode()) {
        _ if !found.is_file() => "it is not a regular file",
        _ if found.uid() != geteuid().as_raw() => "it belongs to somebody else",
        Err(why) => why,
        Ok(()) if found.len() > MAX_BYTES => "it is over 64 KiB",
        Ok(()) => {
            let mut text = String::new();
            let read = file.take(MAX_BYTES).read_to_string(&mut text);
            return read.map(|_| Some(text)).map_err(|error| unreadable(path, error));
        }
    };
    Err(refused(path, line![why]))
}

// The fields are checked as they are read, so that what is wrong is told with its line.

pub(super) fn operator<'d, D: Deserializer<'d>>(from: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(from)?;
    let plain = !name.trim().is_empty() && !name.chars().any(char::is_control);
    if plain && name.chars().count() <= MAX_OPERATOR_CHARS {
        Ok(Some(name))
    } else {
        Err(D::Error::custom(
            "'operator' must be a name of 1 to 100 characters",
        ))
    }
}

pub(super) fn file<'d, D: Deserializer<'d>>(from: D) -> Result<String, D::Error> {
    let path = String::deserialize(from)?;
    if path.is_empty() || path.ends_with('/') || path.contains('\0') {
        return Err(D::Error::custom("a file's path must name a file"));
    }
    Ok(path)
}

pub(super) fn command<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<String>, D::Error> {
    let command = Vec::<String>::deserialize(from)?;
    let program = command.first();
    if program.is_none_or(String::is_empty) || command.iter().any(|part| part.contains('\0')) {
        return Err(D::Error::custom(
            "a command must be a list that begins with a program",
        ));
    }
    Ok(command)
}

pub(super) fn notification<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<String>, D::Error> {
    let command = command(from)?;
    if command.first().is_some_and(|program| program.contains(SUMMARY)) {
        let text = "what an agent asks for can't name the program: no {summary} there";
        return Err(D::Error::custom(text));
    }
    Ok(command)
}

/// What can't be asked must not be found out in the middle of a decision.
fn check_introspection(egress: &Egress) -> Result<(), &'static str> {
    if egress.introspect.is_none() && egress.proxy.is_some() {
        return Err("'proxy' says how 'introspect' is reached, which is missing");
    }
    let (root, slug) = (Root::new("/root"), Slug::from_str("slug"));
    let places = slug.as_ref().map(|slug| Places { root: &root, slug });
    match places.map(|places| places.introspection(egress)) {
        Ok(Some(introspection)) => introspection.check(),
        _ => Ok(()),
    }
}

pub(crate) fn refused(path: &Path, why: Line) -> CliError {
    let path = SafeLine::new(&path.to_string_lossy());
    CliError::usage(line!["the configuration ", path, " is refused: "].join(why))
}

fn unreadable(path: &Path, source: std::io::Error) -> CliError {
    let path = SafeLine::new(&path.to_string_lossy());
    let what = line!["the configuration ", path, " can't be read"];
    // What the machine is short of is no mistake in the configuration.
    let short = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO];
    let error = match Errno::from_io_error(&source) {
        Some(errno) if short.contains(&errno) => CliError::failed(what),
        _ => CliError::usage(what),
    };
    error.because(source)
}
