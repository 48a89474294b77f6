//! Who decides: the name behind the user id, as the audit log keeps it.

use std::fs;

use crate::config::Config;

const PASSWD: &str = "/etc/passwd";

/// The configured name, and beside it the one that can't be chosen.
pub(crate) fn signature(config: &Config) -> String {
    match &config.operator {
        Some(configured) => format!("{} ({})", configured.trim(), name()),
        None => name(),
    }
}

/// The name that the system has for this process's user. The environment isn't asked where the system knows:
/// anyone can set a variable.
fn name() -> String {
    let uid = rustix::process::getuid().as_raw();
    let passwd = fs::read(PASSWD).unwrap_or_default();
    name_in(&String::from_utf8_lossy(&passwd), uid)
        .or_else(login_name)
        .unwrap_or_else(|| format!("uid {uid}"))
}

fn name_in(passwd: &str, uid: u32) -> Option<String> {
    let mut entries = passwd.lines().map(|line| line.split(':'));
    entries.find_map(|mut fields| {
        let name = fields.next().filter(|name| !name.is_empty())?;
        let found = fields.nth(1)?.parse::<u32>().ok()?;
        (found == uid).then(|| name.to_owned())
    })
}

/// macOS keeps its people elsewhere.
#[cfg(target_os = "macos")]
fn login_name() -> Option<String> {
    std::env::var("USER").ok().filter(|name| !name.is_empty())
}

#[cfg(not(target_os = "macos"))]
fn login_name() -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_of_the_uid_names_the_user() {
        let passwd = "# comment\nroot:x:0:0::/root:/bin/sh\n:x:7::\nada:x:1000:1000:,,,:/home/ada:/bin/sh\nother:x:1000:1:::\n";
        assert_eq!(name_in(passwd, 1000).as_deref(), Some("ada"));
        assert_eq!(name_in(passwd, 7), None);
        assert_eq!(name_in("broken", 0), None);
    }
}
