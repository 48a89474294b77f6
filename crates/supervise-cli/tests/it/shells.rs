//! Completion as shells do it: real ones, with the scripts that the program prints.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use supervise_core::Tool;

use crate::terminal::Terminal;
use crate::world::{ROUTE, Ran, World, fixed};

/// Where the program lies, and behind it the system's.
fn path() -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_supervise"));
    format!("{}:/usr/bin:/bin", program.parent().unwrap().display())
}

fn script(world: &World, shell: &str) -> PathBuf {
    let path = world.path(&format!("supervise.{shell}"));
    fs::write(&path, world.run(&["completions", shell]).expect(0).out).unwrap();
    path
}

/// A shell in the world's environment.
fn shell(world: &World, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("HOME", world.path(""))
        .env("SUPERVISE_ROOT", world.root.path())
        .env("PATH", path())
        .env("TERM", "xterm")
        .current_dir(world.path(""))
        .stdin(Stdio::null());
    command
}

/// What bash would offer for these words, the cursor on the last.
fn bash(world: &World, words: &[&str]) -> Vec<String> {
    let script = script(world, "bash");
    let ask = r#"source "$0"; COMP_TYPE=9; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _supervise_told supervise "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let arguments = [
        &["--norc", "--noprofile", "-c", ask, script.to_str().unwrap()],
        words,
    ]
    .concat();
    let ran = Ran::of(shell(world, "bash", &arguments).output().unwrap()).expect(0);
    assert_eq!(ran.err, "", "{words:?}");
    ran.out.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_ids_and_bottles_and_what_is_fixed() {
    let world = World::new();
    let why = "\u{1b}]0;owned\u{7}";
    let one = world.propose(fixed("dev", 1, Tool::EgressAllow, ROUTE, why));
    let two = world.propose(fixed("ci", 2, Tool::CapabilityBlock, "FROM \u{1b}[2J\n", why));
    let (first, second) = (
        format!("{}  dev egress-allow for api.example.com", one.id),
        format!("{}  ci capability-block", two.id),
    );
    assert_eq!(
        bash(&world, &["supervise", "approve", ""]),
        [first.clone(), second]
    );
    // One alone is what is put on the line, so it is the id and nothing else.
    assert_eq!(
        bash(&world, &["supervise", "approve", &one.id[..]]),
        std::slice::from_ref(&one.id)
    );
    assert_eq!(
        bash(&world, &["supervise", "approve", &one.id, ""]),
        std::slice::from_ref(&two.id)
    );
    assert_eq!(
        bash(&world, &["supervise", "--bottle", "dev", "show", ""]),
        std::slice::from_ref(&one.id)
    );
    assert_eq!(
        bash(&world, &["supervise", "list", "--bottle", ""]),
        ["ci", "dev"]
    );
    assert_eq!(
        bash(&world, &["supervise", "list", "--bottle", "=", "d"]),
        ["dev"]
    );
    assert_eq!(bash(&world, &["supervise", "routes", "show", "d"]), ["dev"]);
    assert_eq!(bash(&world, &["supervise", "appr"]), ["approve"]);
    assert!(bash(&world, &["supervise", "approve", "--no"]).contains(&"--notes".to_owned()));
    let nowhere = world.path("nowhere").display().to_string();
    let none = bash(&world, &["supervise", "--root", &nowhere, "show", ""]);
    assert!(!none.contains(&first) && !world.path("nowhere").exists());
}

#[test]
fn a_real_tab_in_a_real_bash() {
    let world = World::new();
    let one = world.propose(fixed("dev", 1, Tool::EgressAllow, ROUTE, "why"));
    world.propose(fixed("ci", 2, Tool::GitleaksAllow, "x", "why"));
    let script = script(&world, "bash");
    let mut terminal = Terminal::run(shell(&world, "bash", &["--norc", "--noprofile", "-i"]));
    terminal.type_in(&format!("PS1='ready> '; source {}\n", script.display()));
    terminal.wait_for("ready> ");
    // The first adds what both begin with, the second finds nothing to add, the third lists them.
    terminal.type_in("supervise approve \t\t\t");
    terminal.wait_for("egress-allow for api.example.com");
    terminal.wait_for("gitleaks-allow");
    // The rest of what both ids begin with is on the line; one more character decides.
    terminal.type_in("1\t --yes --notes fine\n");
    terminal.wait_for(&format!("{} in dev, audit entry 1", one.id));
    terminal.type_in("exit\n");
    terminal.wait();
}

#[test]
fn what_is_asked_creates_nothing_and_answers_in_plain_lines() {
    let world = World::new();
    let ask = |words: &[&str]| {
        let index = (words.len() - 1).to_string();
        world.run(&[&["__complete", &index], words].concat()).expect(0)
    };
    let ran = ask(&["supervise", "approve", ""]);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    assert!(!world.root.path().exists());
    let odd = "{\"host\": \"a.example.com\u{1b}[2J\"}";
    let proposal = world.propose(fixed("dev", 1, Tool::EgressAllow, odd, "why"));
    let files = || {
        let mut names: Vec<_> = fs::read_dir(world.root.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = files();
    assert_eq!(
        ask(&["supervise", "show", ""]).out,
        format!("{}\tdev egress-allow\n", proposal.id)
    );
    assert_eq!(files(), before);
    // What a shell was offered was not shown: nothing is bound to it.
    assert_eq!(world.shown(&proposal), None);
    for broken in [&["__complete"][..], &["__complete", "x"], &["__complete", "1"]] {
        world.run(broken);
    }
    assert_eq!(ask(&["supervise"]).out, "");
}

#[test]
#[ignore = "needs fish"]
fn fish_completes_ids_with_what_they_ask_for() {
    let world = World::new();
    let one = world.propose(fixed("dev", 1, Tool::EgressAllow, ROUTE, "why"));
    let script = script(&world, "fish");
    let ask = format!("source {}; complete -C 'supervise approve 5'", script.display());
    let ran = Ran::of(
        shell(&world, "fish", &["--no-config", "-c", &ask])
            .output()
            .unwrap(),
    )
    .expect(0);
    let wanted = format!("{}\tdev egress-allow for api.example.com", one.id);
    assert!(ran.out.lines().any(|line| line == wanted), "{}", ran.out);
}

#[test]
#[ignore = "needs zsh"]
fn zsh_completes_ids_with_what_they_ask_for() {
    let world = World::new();
    let one = world.propose(fixed("dev", 1, Tool::EgressAllow, ROUTE, "why"));
    world.propose(fixed("ci", 2, Tool::GitleaksAllow, "x", "why"));
    let script = script(&world, "zsh");
    let mut terminal = Terminal::run(shell(&world, "zsh", &["-f", "-i"]));
    terminal.type_in(&format!(
        "PS1='ready> '; autoload -U compinit; compinit -u -D; source {}\n",
        script.display()
    ));
    terminal.wait_for("ready> ");
    terminal.type_in("supervise approve \t\t");
    terminal.wait_for("egress-allow for api.example.com");
    terminal.type_in("1\t --yes --notes fine\n");
    terminal.wait_for(&format!("{} in dev, audit entry 1", one.id));
    terminal.type_in("exit\n");
    terminal.wait();
}
