//! A disk that may lose whatever no sync has covered: every write, truncation and name by itself.
//!
//! It promises less than any journaling file system: names may last in any order, and only a sync of the
//! directory itself makes them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::trace::Event;

const SECTOR: usize = 512;

type Names = BTreeMap<PathBuf, Node>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

/// A change that no sync has covered yet.
#[derive(Debug, Clone)]
pub(super) struct Change(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Write(usize, usize, Vec<u8>),
    Truncate(usize, usize),
    Name(PathBuf, Node),
    Unname(PathBuf),
    Move(PathBuf, PathBuf, Node),
}

/// What would be there after a loss of power.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Image(BTreeMap<PathBuf, Option<Vec<u8>>>);

/// What has been written so far, and what of it would certainly last.
#[derive(Debug, Default)]
pub(super) struct Disk {
    names: Names,
    lasting_names: Names,
    contents: Vec<Vec<u8>>,
    lasting: Vec<Vec<u8>>,
    pending: Vec<Change>,
}

impl Disk {
    /// A disk with this directory, and nothing in it.
    pub(super) fn with_folder(path: &Path) -> Disk {
        let names = Names::from([(path.to_owned(), Node::Folder)]);
        Disk {
            lasting_names: names.clone(),
            names,
            ..Disk::default()
        }
    }

    /// What may be lost right now, in the order in which it was done.
    pub(super) fn pending(&self) -> &[Change] {
        &self.pending
    }

    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Open { path, truncates } => self.open(path, *truncates),
            Event::Write { path, at, data } => {
                if let Some(file) = self.file(path) {
                    let at = at.unwrap_or(self.contents[file].len());
                    self.change(Kind::Write(file, at, data.clone()));
                }
            }
            Event::Truncate { path, length } => {
                if let Some(file) = self.file(path) {
                    self.change(Kind::Truncate(file, *length));
                }
            }
            Event::Unlink(path) => self.change(Kind::Unname(path.clone())),
            Event::Rename(from, to) => {
                if let Some(node) = self.names.get(from).copied() {
                    self.change(Kind::Move(from.clone(), to.clone(), node));
                }
            }
            Event::Mkdir(path) => self.change(Kind::Name(path.clone(), Node::Folder)),
            Event::Sync(path) => self.sync(path),
            Event::Unknown(_) => {}
        }
    }

    fn open(&mut self, path: &Path, truncates: bool) {
        match self.file(path) {
            Some(file) if truncates => self.change(Kind::Truncate(file, 0)),
            Some(_) => {}
            None => {
                let file = self.contents.len();
                self.contents.push(Vec::new());
                self.lasting.push(Vec::new());
                self.change(Kind::Name(path.to_owned(), Node::File(file)));
            }
        }
    }

    fn file(&self, path: &Path) -> Option<usize> {
        match self.names.get(path) {
            Some(Node::File(file)) => Some(*file),
            _ => None,
        }
    }

    fn change(&mut self, kind: Kind) {
        take_place(&kind, &mut self.names, &mut self.contents);
        self.pending.push(Change(kind));
    }

    fn sync(&mut self, path: &Path) {
        let node = self.names.get(path).copied();
        let (settled, left) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|Change(kind)| match node {
                Some(Node::File(file)) => kind.is_about(file),
                Some(Node::Folder) => kind.is_in(path),
                None => false,
            });
        self.pending = left;
        self.settle(settled);
    }

    /// Everything below `path` lasts from now on: what the test itself put there.
    pub(super) fn settle_below(&mut self, path: &Path) {
        let files: Vec<usize> = self
            .names
            .keys()
            .filter_map(|name| name.starts_with(path).then(|| self.file(name))?)
            .collect();
        let (settled, left) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|Change(kind)| {
                kind.names_below(path) || files.iter().any(|file| kind.is_about(*file))
            });
        self.pending = left;
        self.settle(settled);
    }

    fn settle(&mut self, changes: Vec<Change>) {
        for Change(kind) in changes {
            take_place(&kind, &mut self.lasting_names, &mut self.lasting);
        }
    }

    /// The disk if of all that may be lost only `kept` had lasted.
    pub(super) fn after_loss(&self, kept: &[&Change]) -> Image {
        let (mut names, mut contents) = (self.lasting_names.clone(), self.lasting.clone());
        for Change(kind) in kept {
            take_place(kind, &mut names, &mut contents);
        }
        image(&names, &contents)
    }

    /// What programs see now.
    pub(super) fn now(&self) -> Image {
        image(&self.names, &self.contents)
    }

    /// What programs see in a file now.
    pub(super) fn read(&self, path: &Path) -> Option<&[u8]> {
        self.file(path).map(|file| self.contents[file].as_slice())
    }
}

impl Change {
    /// A write in pieces of a sector, each of which may last without the others.
    pub(super) fn torn(&self) -> Vec<Change> {
        let Kind::Write(file, at, data) = &self.0 else {
            return vec![self.clone()];
        };
        let mut pieces = Vec::new();
        let mut from = 0;
        while from < data.len() {
            // Sectors begin where the disk's do, whatever the write began at.
            let to = (from + SECTOR - (at + from) % SECTOR).min(data.len());
            pieces.push(Change(Kind::Write(*file, at + from, data[from..to].to_vec())));
            from = to;
        }
        pieces
    }
}

impl Kind {
    fn is_about(&self, of: usize) -> bool {
        matches!(self, Kind::Write(file, ..) | Kind::Truncate(file, _) if *file == of)
    }

    fn is_in(&self, folder: &Path) -> bool {
        match self {
            Kind::Name(path, _) | Kind::Unname(path) => path.parent() == Some(folder),
            Kind::Move(from, to, _) => from.parent() == Some(folder) || to.parent() == Some(folder),
            Kind::Write(..) | Kind::Truncate(..) => false,
        }
    }

    fn names_below(&self, top: &Path) -> bool {
        matches!(self, Kind::Name(path, _) if path.starts_with(top))
    }
}

fn take_place(kind: &Kind, names: &mut Names, contents: &mut [Vec<u8>]) {
    match kind {
        Kind::Write(file, at, data) => {
            let content = &mut contents[*file];
            // What lies between was never written and reads as zeros.
            content.resize(content.len().max(at + data.len()), 0);
            content[*at..at + data.len()].copy_from_slice(data);
        }
        Kind::Truncate(file, length) => contents[*file].resize(*length, 0),
        Kind::Name(path, node) => {
            names.insert(path.clone(), *node);
        }
        Kind::Unname(path) => {
            names.remove(path);
        }
        Kind::Move(from, to, node) => {
            names.remove(from);
            names.insert(to.clone(), *node);
        }
    }
}

/// A name lasts only if those of the directories above it did.
fn image(names: &Names, contents: &[Vec<u8>]) -> Image {
    let mut image = BTreeMap::new();
    for (path, node) in names {
        let first = image.is_empty();
        let reachable = first || path.parent().is_some_and(|above| image.contains_key(above));
        if reachable {
            let content = match node {
                Node::Folder => None,
                Node::File(file) => Some(contents[*file].clone()),
            };
            image.insert(path.clone(), content);
        }
    }
    Image(image)
}

impl Image {
    /// Reads a directory of the real disk.
    pub(super) fn of(top: &Path, path: &Path) -> io::Result<Image> {
        let mut image = Image::default();
        image.take_in(top, path)?;
        Ok(image)
    }

    fn take_in(&mut self, name: &Path, path: &Path) -> io::Result<()> {
        if !path.is_dir() {
            self.0.insert(name.to_owned(), Some(fs::read(path)?));
            return Ok(());
        }
        self.0.insert(name.to_owned(), None);
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            self.take_in(&name.join(entry.file_name()), &entry.path())?;
        }
        Ok(())
    }

    /// Makes it real: what was under `top` comes to lie under `to`.
    pub(super) fn write(&self, top: &Path, to: &Path) -> io::Result<()> {
        for (name, content) in &self.0 {
            let Ok(below) = name.strip_prefix(top) else {
                continue;
            };
            let path = to.join(below);
            match content {
                None => {
                    fs::create_dir_all(&path)?;
                    fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
                }
                Some(content) => {
                    fs::write(&path, content)?;
                    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
                }
            }
        }
        Ok(())
    }

    /// The first name whose content differs.
    pub(super) fn difference(&self, other: &Image) -> Option<PathBuf> {
        let names = self.0.keys().chain(other.0.keys());
        let mut names = names.filter(|name| self.0.get(*name) != other.0.get(*name));
        names.next().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &str) -> Event {
        Event::Open {
            path: path.into(),
            truncates: false,
        }
    }

    fn write(path: &str, at: usize, data: &[u8]) -> Event {
        Event::Write {
            path: path.into(),
            at: Some(at),
            data: data.to_vec(),
        }
    }

    fn names(image: &Image) -> Vec<&str> {
        image.0.keys().filter_map(|name| name.to_str()).collect()
    }

    #[test]
    fn a_file_needs_its_own_sync_and_its_name_that_of_the_folder() {
        let mut disk = Disk::with_folder(Path::new("/r"));
        disk.apply(&open("/r/a"));
        disk.apply(&write("/r/a", 0, b"x"));
        disk.apply(&Event::Sync("/r/a".into()));
        assert_eq!(names(&disk.after_loss(&[])), ["/r"]);
        disk.apply(&Event::Sync("/r".into()));
        assert_eq!(disk.after_loss(&[]), disk.now());
        assert!(disk.pending().is_empty());
    }

    #[test]
    fn what_was_unlinked_comes_back_unless_its_folder_was_synced() {
        let mut disk = Disk::with_folder(Path::new("/r"));
        disk.apply(&open("/r/a"));
        disk.apply(&Event::Sync("/r".into()));
        disk.apply(&Event::Unlink("/r/a".into()));
        assert_eq!(names(&disk.after_loss(&[])), ["/r", "/r/a"]);
        let all: Vec<&Change> = disk.pending().iter().collect();
        assert_eq!(names(&disk.after_loss(&all)), ["/r"]);
    }

    #[test]
    fn a_write_is_torn_where_the_disks_sectors_end() {
        let change = Change(Kind::Write(0, 500, vec![1; 600]));
        let pieces = change.torn();
        let lengths: Vec<usize> = pieces
            .iter()
            .map(|Change(kind)| match kind {
                Kind::Write(_, _, data) => data.len(),
                _ => 0,
            })
            .collect();
        assert_eq!(lengths, [12, 512, 76]);
    }

    #[test]
    fn nothing_is_left_of_a_folder_whose_name_was_lost() {
        let mut disk = Disk::with_folder(Path::new("/r"));
        disk.apply(&Event::Mkdir("/r/d".into()));
        disk.apply(&open("/r/d/a"));
        disk.apply(&Event::Sync("/r/d".into()));
        assert_eq!(names(&disk.after_loss(&[])), ["/r"]);
    }
}
