//! Reading the file that the operator or a daemon hands over.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use supervise_core::SafeLine;

use crate::error::{CliError, Kind};
use crate::ui::line;

/// The most bytes a proposed or final file may have; the sidecar takes no more over HTTP either.
pub(crate) const MAX_FILE_BYTES: u64 = 1 << 20;

/// The text of `path`, or of stdin for `-`.
pub(crate) fn read(path: &Path) -> Result<String, CliError> {
    if path == Path::new("-") {
        return read_from(io::stdin().lock(), "stdin");
    }
    let shown = path.to_string_lossy();
    let file = File::open(path).map_err(|source| {
        let kind = match source.kind() {
            io::ErrorKind::NotFound => Kind::Missing,
            _ => Kind::Failed,
        };
        CliError::new(kind, line!["reading ", SafeLine::new(&shown)]).because(source)
    })?;
    read_from(file, &shown)
}

fn read_from(source: impl Read, name: &str) -> Result<String, CliError> {
    let mut bytes = Vec::new();
    source
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| CliError::failed(line!["reading ", SafeLine::new(name)]).because(source))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(CliError::usage(line![SafeLine::new(name), " is over 1 MiB"]));
    }
    String::from_utf8(bytes).map_err(|error| not_utf8(&error, name))
}

fn not_utf8(error: &std::string::FromUtf8Error, name: &str) -> CliError {
    let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
    let line_number = good.iter().filter(|byte| **byte == b'\n').count() + 1;
    CliError::failed(line![
        SafeLine::new(name),
        ", line ",
        line_number,
        " is not UTF-8"
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    #[test]
    fn size_and_encoding_are_checked() {
        let limit = usize::try_from(MAX_FILE_BYTES).unwrap();
        assert_eq!(read_from(&b"a\n"[..], "f").unwrap(), "a\n");
        assert_eq!(read_from(&vec![b'x'; limit][..], "f").unwrap().len(), limit);
        let error = read_from(&vec![b'x'; limit + 1][..], "f").unwrap_err();
        assert_eq!(Exit::from(error.kind()).code(), 2);
        let error = read_from(&b"a\nb\xff\n"[..], "f").unwrap_err();
        assert_eq!(error.explanation().plain(), "f, line 2 is not UTF-8");
    }
}
