//! What a build downloads, and which of its lines run that.

use std::collections::HashSet;

use super::dockerfile::Dockerfile;

const FETCHERS: [&str; 3] = ["curl", "wget", "aria2c"];
const SHELLS: [&str; 14] = [
    "sh", "bash", "dash", "ash", "zsh", "ksh", "python", "python3", "perl", "ruby", "node", "source", "eval",
    ".",
];
/// What a fetcher calls the file to write.
const OUTPUT: [&str; 3] = ["--output", "--output-document", "--out"];

/// The lines of a file that run what one of its lines downloads.
pub(super) fn lines_that_run(file: &Dockerfile) -> Vec<String> {
    let lines = [file.filled("RUN"), file.filled("SHELL")].concat();
    let lines: Vec<String> = lines.into_iter().map(|own| own.rest).collect();
    let mut files = Files::default();
    lines.iter().for_each(|line| files.add(line));
    let runs = |line: &String| runs_a_download(line) || runs_one_of(line, &files);
    lines.into_iter().filter(runs).collect()
}

/// Files that were downloaded, as far as their names are known.
#[derive(Debug, Default)]
struct Files {
    /// As they may be called.
    called: HashSet<String>,
    /// File names that their address gave them, in whatever directory.
    anywhere: HashSet<String>,
}

impl Files {
    #[cfg(test)]
    fn of(line: &str) -> Files {
        let mut files = Files::default();
        files.add(line);
        files
    }

    /// What the fetching commands of a line write.
    fn add(&mut self, line: &str) {
        let spread = spread(line);
        for command in commands(&spread).filter(|command| fetches(command)) {
            for (at, word) in command.iter().enumerate().skip(1) {
                let next = command.get(at + 1).copied();
                if let Some(file) = output(word, next) {
                    self.called.insert(plain(file).to_owned());
                    // What lies where programs are looked for is called by its name alone.
                    if file.rsplit_once('/').is_some_and(|(dir, _)| dir.ends_with("bin")) {
                        self.called.insert(file_name(file).to_owned());
                    }
                }
                if let Some((_, address)) = word.split_once("://") {
                    let path = address.split(['?', '#']).next().unwrap_or(address);
                    self.anywhere
                        .extend(path.rsplit_once('/').map(|(_, name)| name.to_owned()));
                }
            }
        }
        self.anywhere.remove("");
    }

    fn has(&self, word: &str) -> bool {
        self.called.contains(plain(word)) || word.contains('/') && self.anywhere.contains(file_name(word))
    }
}

/// The file that a word of a fetcher names as the one to write.
fn output<'w>(word: &'w str, next: Option<&'w str>) -> Option<&'w str> {
    let named = |file: &&str| !file.is_empty() && *file != "-" && !file.starts_with('-');
    if let Some((flag, file)) = word.split_once('=') {
        return Some(file).filter(|_| OUTPUT.contains(&flag)).filter(named);
    }
    if OUTPUT.contains(&word) || word == ">" {
        return next.filter(named);
    }
    if let Some(file) = word.strip_prefix('>') {
        return Some(file).filter(named);
    }
    let flags = word.strip_prefix('-').filter(|flags| !flags.starts_with('-'))?;
    let at = flags.find(['o', 'O'])?;
    match &flags[at + 1..] {
        "" => next.filter(named),
        file => Some(file).filter(named),
    }
}

/// `curl … && /that/file`, also where another line has fetched it.
fn runs_one_of(line: &str, files: &Files) -> bool {
    let spread = spread(line);
    let runs = |command: Vec<&str>| match command.as_slice() {
        [shell, file, ..] if SHELLS.contains(&file_name(shell)) => files.has(file),
        [file, ..] => files.has(file),
        [] => false,
    };
    commands(&spread).any(runs)
}

/// `curl … | sh`, `sh -c "$(curl …)"`, `sh <(curl …)`, `curl … && sh file`, `curl … && ./file`.
fn runs_a_download(line: &str) -> bool {
    let spread = spread(line);
    let commands: Vec<Vec<&str>> = commands(&spread).collect();
    let Some(first) = commands.iter().position(|command| fetches(command)) else {
        return false;
    };
    let inside = ["$(", "<(", "`"].iter().any(|open| {
        FETCHERS
            .iter()
            .any(|fetch| line.contains(&format!("{open}{fetch}")))
    });
    let runs = |command: &Vec<&str>| command.first().is_some_and(|word| is_run(word));
    commands[first + 1..].iter().any(runs) || (inside && commands[..first].iter().any(runs))
}

/// A line with each of its commands on a line of its own.
fn spread(line: &str) -> String {
    line.replace(
        ['|', ';', '&', '\n', '(', ')', '`', '"', '\'', '[', ']', ','],
        " \n ",
    )
}

/// The words of each command, without what only sets the stage for it.
fn commands(spread: &str) -> impl Iterator<Item = Vec<&str>> {
    let prelude = |word: &&str| {
        matches!(
            *word,
            "sudo" | "env" | "exec" | "time" | "nice" | "xargs" | "-E" | "$"
        ) || word.contains('=')
    };
    spread
        .lines()
        .map(move |command| command.split_whitespace().skip_while(prelude).collect())
}

fn fetches(command: &[&str]) -> bool {
    command
        .first()
        .is_some_and(|word| FETCHERS.contains(&file_name(word)))
}

fn is_run(word: &str) -> bool {
    SHELLS.contains(&file_name(word)) || word.starts_with("./") || word.starts_with("/tmp/")
}

fn plain(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

fn file_name(word: &str) -> &str {
    let name = word.rsplit('/').next().unwrap_or(word);
    name.split('@').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(line: &str) -> bool {
        runs_a_download(line) || runs_one_of(line, &Files::of(line))
    }

    #[test]
    fn downloads_that_run_are_told_from_those_that_do_not() {
        for line in [
            "curl -fsSL https://x.example/i.sh | sh",
            "curl -fsSL https://x.example/i.sh|sudo -E bash -",
            "wget -qO- https://x.example | /bin/bash -s -- -y",
            "bash -c \"$(curl -fsSL https://x.example)\"",
            "bash <(curl -s https://x.example)",
            "sh -c `wget -O- https://x.example`",
            "eval \"$(curl https://x.example)\"",
            "[\"sh\", \"-c\", \"curl x | sh\"]",
            "set -e; curl -o /tmp/i https://x.example && sh /tmp/i",
            "curl -o i https://x.example && chmod +x i && ./i",
            "apt-get update && curl x | python3 -",
            "<<EOF\ncurl x | sh\nEOF",
            "curl x | FOO=1 sh",
            "wget -O /opt/f https://x.example && chmod +x /opt/f && /opt/f",
            "wget -qO/opt/f https://x.example && chmod 755 /opt/f && /opt/f --yes",
            "curl -fsSLo /usr/local/bin/f https://x.example && chmod +x /usr/local/bin/f && f",
            "wget https://x.example/dir/f && chmod +x f && /root/f",
            "curl https://x.example > /f; /f",
        ] {
            assert!(runs(line), "{line}");
        }
        for line in [
            "apt-get install -y curl wget bash",
            "curl -fsSLo /usr/bin/x https://x.example/x",
            "bash build.sh",
            "sh -c 'make' && curl https://x.example -o y",
            "curl https://x.example/a.tar.gz | tar xz",
            "echo curl | sh.txt",
            "curl -fsSLo /usr/bin/x https://x.example/x && chmod +x /usr/bin/x",
            "wget -O /opt/f.tar https://x.example/f.tar && tar xf /opt/f.tar",
            "wget https://x.example/install && install -d /opt",
        ] {
            assert!(!runs(line), "{line}");
        }
    }
}
