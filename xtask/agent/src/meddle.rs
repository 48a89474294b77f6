//! What can be done in a folder that should only be read: the names of whatever worked.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::{Value, json};

use crate::dialogue::text;

pub(crate) fn with(order: &Value) -> Value {
    let folder = Path::new(text(order, "folder"));
    let (new, own) = (folder.join("made-by-the-agent"), folder.join("own"));
    let mut done = vec![
        ("create a file", File::create_new(&new).map(drop)),
        ("create a directory", fs::create_dir(folder.join("made-too"))),
        ("create a link", symlink("/etc/passwd", &own)),
        (
            "change the mode",
            fs::set_permissions(folder, Permissions::from_mode(0o777)),
        ),
        ("rename it", fs::rename(folder, folder.with_extension("aside"))),
    ];
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        done.push((
            "append to a file",
            File::options().append(true).open(&path).map(drop),
        ));
        done.push((
            "truncate a file",
            File::options().write(true).truncate(true).open(&path).map(drop),
        ));
        done.push(("link a file", fs::hard_link(&path, folder.join("linked"))));
        done.push(("rename a file", fs::rename(&path, folder.join("renamed"))));
        done.push(("delete a file", fs::remove_file(&path)));
    }
    let worked = |(what, done): (&'static str, io::Result<()>)| done.ok().map(|()| what);
    json!(done.into_iter().filter_map(worked).collect::<Vec<_>>())
}
