//! What a run did to its files, as strace saw it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Every call that can change a file here; the recorded end state is compared with the replayed one, so a
/// call that is missing shows.
pub(super) const CALLS: &str = "openat,open,creat,write,pwrite64,writev,pwritev,ftruncate,truncate,fallocate,\
    unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,mkdir,mkdirat,rmdir,fsync,fdatasync,sync_file_range";

/// One change, or the sync that makes changes last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    Open {
        path: PathBuf,
        truncates: bool,
    },
    Write {
        path: PathBuf,
        /// Where; at the end of what was written before if there is none.
        at: Option<usize>,
        data: Vec<u8>,
    },
    Truncate {
        path: PathBuf,
        length: usize,
    },
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf),
    Mkdir(PathBuf),
    Sync(PathBuf),
    /// A call that the model doesn't know, with its line.
    Unknown(String),
}

impl Event {
    /// Whether it is about something under `top`.
    pub(super) fn is_below(&self, top: &Path) -> bool {
        match self {
            Event::Open { path, .. }
            | Event::Write { path, .. }
            | Event::Truncate { path, .. }
            | Event::Unlink(path)
            | Event::Mkdir(path)
            | Event::Sync(path) => path.starts_with(top),
            Event::Rename(from, to) => from.starts_with(top) || to.starts_with(top),
            Event::Unknown(_) => false,
        }
    }
}

/// The calls that succeeded, in the order in which they ended.
pub(super) fn parse(trace: &str) -> Vec<Event> {
    let mut begun: HashMap<&str, &str> = HashMap::new();
    let mut events = Vec::new();
    for line in trace.lines() {
        let Some((process, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        if let Some(start) = call.strip_suffix("<unfinished ...>") {
            begun.insert(process, start);
        } else if let Some((_, rest)) = call.split_once(" resumed>") {
            let whole = format!("{}{rest}", begun.remove(process).unwrap_or_default());
            events.extend(event(&whole));
        } else {
            events.extend(event(call));
        }
    }
    events
}

fn event(call: &str) -> Option<Event> {
    let (call, result) = call.rsplit_once(" = ")?;
    if result.starts_with('-') || result.starts_with('?') {
        return None;
    }
    let (name, arguments) = call.trim_end().strip_suffix(')')?.split_once('(')?;
    let arguments: Vec<&str> = arguments.split(", ").map(str::trim_end).collect();
    // One that only opens changes nothing.
    if name == "openat" && !arguments.get(2)?.contains("O_CREAT") {
        return None;
    }
    // What can't be read here must not be passed over.
    Arguments(arguments)
        .event(name)
        .or_else(|| Some(Event::Unknown(call.to_owned())))
}

struct Arguments<'a>(Vec<&'a str>);

impl Arguments<'_> {
    fn event(&self, name: &str) -> Option<Event> {
        match name {
            "openat" => Some(Event::Open {
                path: self.below(0)?,
                truncates: self.0.get(2)?.contains("O_TRUNC"),
            }),
            "write" => Some(Event::Write {
                path: self.descriptor(0)?,
                at: None,
                data: self.text(1)?,
            }),
            "pwrite64" => Some(Event::Write {
                path: self.descriptor(0)?,
                at: Some(self.number(3)?),
                data: self.text(1)?,
            }),
            "ftruncate" => Some(Event::Truncate {
                path: self.descriptor(0)?,
                length: self.number(1)?,
            }),
            "unlink" => Some(Event::Unlink(self.path(0)?)),
            "unlinkat" => Some(Event::Unlink(self.below(0)?)),
            "rename" => Some(Event::Rename(self.path(0)?, self.path(1)?)),
            "renameat" | "renameat2" => Some(Event::Rename(self.below(0)?, self.below(2)?)),
            "mkdir" => Some(Event::Mkdir(self.path(0)?)),
            "mkdirat" => Some(Event::Mkdir(self.below(0)?)),
            "fsync" | "fdatasync" => Some(Event::Sync(self.descriptor(0)?)),
            _ => None,
        }
    }

    fn number(&self, at: usize) -> Option<usize> {
        self.0.get(at)?.parse().ok()
    }

    fn text(&self, at: usize) -> Option<Vec<u8>> {
        unescaped(self.0.get(at)?.strip_prefix('"')?.strip_suffix('"')?)
    }

    fn path(&self, at: usize) -> Option<PathBuf> {
        self.text(at).map(to_path)
    }

    fn descriptor(&self, at: usize) -> Option<PathBuf> {
        descriptor(self.0.get(at)?)
    }

    /// The path that a directory's descriptor and a name make together.
    fn below(&self, at: usize) -> Option<PathBuf> {
        let base = self.0.get(at)?;
        let here = || base.starts_with("AT_FDCWD").then(PathBuf::new);
        Some(descriptor(base).or_else(here)?.join(self.path(at + 1)?))
    }
}

/// The path of an argument such as `5</tmp/x>`, which strace writes in hexadecimal.
fn descriptor(argument: &str) -> Option<PathBuf> {
    let (_, path) = argument.split_once('<')?;
    // A descriptor of a deleted file is marked behind the bracket.
    Some(to_path(unescaped(path.strip_suffix('>')?)?))
}

/// Pairs of hexadecimal digits, each behind `\x`.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    if !text.is_empty() && !text.starts_with("\\x") {
        return None;
    }
    text.split("\\x")
        .skip(1)
        .map(|pair| u8::from_str_radix(pair, 16).ok())
        .collect()
}

fn to_path(bytes: Vec<u8>) -> PathBuf {
    Path::new(&String::from_utf8_lossy(&bytes).into_owned()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> String {
        text.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
    }

    #[test]
    fn calls_are_read_in_the_order_in_which_they_ended() {
        let (file, dir) = (hex("/r/db"), hex("/r"));
        let trace = format!(
            "7 fsync(5<{file}> <unfinished ...>\n\
             8 pwrite64(6<{file}>, \"{}\", 2, 4096) = 2\n\
             7 <... fsync resumed>) = 0\n\
             9 ftruncate(5<{file}>, 12 <unfinished ...>\n\
             9 <... ftruncate resumed>)   = 0\n\
             9 write(4<socket:[7]>, \"\\x2f\", 1) = 1\n\
             8 unlink(\"{file}\") = -1 ENOENT (No such file or directory)\n\
             8 openat(3<{dir}>, \"{}\", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 9<{}>\n\
             8 +++ exited with 0 +++\n",
            hex("hi"),
            hex("new"),
            hex("/r/new")
        );
        let file = PathBuf::from("/r/db");
        assert_eq!(
            parse(&trace),
            [
                Event::Write {
                    path: file.clone(),
                    at: Some(4096),
                    data: b"hi".to_vec()
                },
                Event::Sync(file.clone()),
                Event::Truncate {
                    path: file,
                    length: 12
                },
                Event::Unknown("write(4<socket:[7]>, \"\\x2f\", 1)".to_owned()),
                Event::Open {
                    path: PathBuf::from("/r/new"),
                    truncates: false
                },
            ]
        );
    }
}
