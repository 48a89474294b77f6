//! An export, read a line at a time and checked as it goes by.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use serde_json::{Map, Value};
use supervise_core::{AuditEntry, FieldError, Proposal, SafeLine};
use supervise_store::{AuditColumn, AuditOrigin, AuditRow, ChainLine, ExportVerifier, Link, Scope, Verified};
use thiserror::Error;

use super::Answer;
use crate::error::{CliError, Kind};
use crate::ui::line;

/// Three of the longest texts that a queue may hold, each character spelled out as an escape.
const MAX_LINE_BYTES: u64 = 96 << 20;

const NO_ANCHOR: &str =
    "an export can't tell whether entries are missing at its end; --anchor with a copy of chain.log can";
const FILTERED: &str =
    "a part of a log: each entry was compared with its own hash, and nothing says what is missing";

#[derive(Debug, Error)]
enum LineError {
    #[error("no JSON object")]
    NotJson(#[from] serde_json::Error),
    #[error(transparent)]
    Field(#[from] FieldError),
    #[error("'{0}' is missing, or of another kind than an export has")]
    Missing(&'static str),
    #[error("longer than any entry")]
    TooLong,
    #[error("secrets are masked in it, so it can't be verified")]
    Masked,
    #[error("a part of a log, in the same file with a whole one")]
    Mixed,
}

/// An entry, and whether its export is a part of the log.
struct Exported {
    row: AuditRow,
    scope: Scope,
}

pub(super) async fn verify(path: &Path, anchor: Option<&Path>) -> Result<Answer, CliError> {
    let name = path.to_string_lossy();
    let reader: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(path).map_err(|source| unreadable(&name, source))?;
        Box::new(BufReader::new(file))
    };
    check(
        Lines {
            reader,
            name: &name,
            number: 0,
        },
        anchor,
    )
    .await
}

async fn check(mut lines: Lines<'_>, anchor: Option<&Path>) -> Result<Answer, CliError> {
    let mut next = lines.next()?;
    let scope = next.as_ref().map_or(Scope::Whole, |first| first.scope);
    let mut verifier = match anchor {
        Some(anchor) => ExportVerifier::beside(scope, anchor).await?,
        None => ExportVerifier::new(scope),
    };
    let mut limits = Vec::new();
    if scope == Scope::Filtered {
        limits.push(FILTERED);
    } else if anchor.is_none() {
        limits.push(NO_ANCHOR);
    }
    while let Some(exported) = next {
        if exported.scope != scope {
            return Err(lines.error(LineError::Mixed));
        }
        if let Err(problem) = verifier.check(&exported.row)? {
            let verified = verifier.stop(problem);
            return Ok(Answer { verified, limits });
        }
        next = lines.next()?;
    }
    let verified: Verified = verifier.finish()?;
    Ok(Answer { verified, limits })
}

struct Lines<'a> {
    reader: Box<dyn BufRead>,
    name: &'a str,
    number: u64,
}

impl Lines<'_> {
    fn next(&mut self) -> Result<Option<Exported>, CliError> {
        loop {
            let mut line = Vec::new();
            let mut limited = self.reader.by_ref().take(MAX_LINE_BYTES);
            let length = limited
                .read_until(b'\n', &mut line)
                .map_err(|source| unreadable(self.name, source))?;
            self.number += 1;
            if length == 0 {
                return Ok(None);
            }
            if length as u64 == MAX_LINE_BYTES {
                return Err(self.error(LineError::TooLong));
            }
            if !line.trim_ascii().is_empty() {
                return exported(&line).map(Some).map_err(|error| self.error(error));
            }
        }
    }

    fn error(&self, source: LineError) -> CliError {
        CliError::failed(line![SafeLine::new(self.name), ", line ", self.number]).because(source)
    }
}

fn unreadable(name: &str, source: io::Error) -> CliError {
    let kind = match source.kind() {
        io::ErrorKind::NotFound => Kind::Missing,
        _ => Kind::Failed,
    };
    CliError::new(kind, line!["reading ", SafeLine::new(name)]).because(source)
}

fn exported(line: &[u8]) -> Result<Exported, LineError> {
    let object: Map<String, Value> = serde_json::from_slice(line)?;
    if object.get("masked") == Some(&Value::Bool(true)) {
        return Err(LineError::Masked);
    }
    let is_part = object.get("filtered") == Some(&Value::Bool(true));
    let row = AuditRow {
        id: object
            .get("id")
            .and_then(Value::as_i64)
            .ok_or(LineError::Missing("id"))?,
        origin: AuditOrigin {
            proposal_id: optional(&object, "proposal_id")?,
            tool: optional(&object, "tool")?,
            operator: optional(&object, "operator")?,
            via: optional(&object, "via")?,
            digest: optional(&object, "digest")?,
        },
        proposal: proposal(&object)?,
        chain: chain(&object)?,
        bytes: bytes(&object)?,
        entry: AuditEntry::try_from(object)?,
    };
    Ok(Exported {
        row,
        scope: if is_part { Scope::Filtered } else { Scope::Whole },
    })
}

/// A field that an export always has, if only as null.
fn optional(object: &Map<String, Value>, name: &'static str) -> Result<Option<String>, LineError> {
    match object.get(name) {
        Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        _ => Err(LineError::Missing(name)),
    }
}

/// What had been proposed; only an entry that modified it has that.
fn proposal(object: &Map<String, Value>) -> Result<Option<Proposal>, LineError> {
    let proposal = object.get("proposal").filter(|proposal| !proposal.is_null());
    let read =
        |value: &Value| serde_json::from_value(value.clone()).map_err(|_| LineError::Missing("proposal"));
    proposal.map(read).transpose()
}

fn chain(object: &Map<String, Value>) -> Result<Option<ChainLine>, LineError> {
    let text = |name| optional(object, name);
    match (text("prev")?, text("hash")?, text("link")?) {
        (None, None, None) => Ok(None),
        (Some(prev), Some(hash), Some(link)) => {
            let link = Link::from_name(&link).ok_or(LineError::Missing("link"))?;
            Ok(Some(ChainLine { prev, hash, link }))
        }
        (None, ..) => Err(LineError::Missing("prev")),
        (_, None, _) => Err(LineError::Missing("hash")),
        (.., None) => Err(LineError::Missing("link")),
    }
}

fn bytes(object: &Map<String, Value>) -> Result<Vec<(AuditColumn, Vec<u8>)>, LineError> {
    let wrong = LineError::Missing("bytes");
    let columns = match object.get("bytes") {
        None => return Ok(Vec::new()),
        Some(columns) => columns.as_object().ok_or(wrong)?,
    };
    let column =
        |(name, hex): (&String, &Value)| Some((AuditColumn::from_name(name)?, unhex(hex.as_str()?)?));
    let columns: Option<Vec<_>> = columns.iter().map(column).collect();
    columns.ok_or(LineError::Missing("bytes"))
}

fn unhex(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [high, low] => {
            let digit = |digit: u8| char::from(digit).to_digit(16);
            u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
        }
        _ => None,
    };
    pairs.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_pairs_of_digits() {
        assert_eq!(unhex("00ff7A"), Some(vec![0, 255, 122]));
        assert_eq!(unhex(""), Some(vec![]));
        for bad in ["0", "0g", "é1", "+1"] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }
}
