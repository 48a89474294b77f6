//! `supervise demo`, with the real sidecar.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::terminal::Terminal;
use crate::world::World;

/// The sidecar's program. Nothing here depends on its crate, so it may have to be built first.
pub(crate) fn sidecar() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_supervise")).with_file_name("supervise-sidecar");
    if !beside.is_file() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--package", "supervise-sidecar", "--bins"])
            .status();
        assert!(
            built.is_ok_and(|status| status.success()),
            "supervise-sidecar can't be built"
        );
    }
    assert!(
        beside.is_file(),
        "build supervise-sidecar first: `cargo build --workspace --bins`"
    );
    beside
}

/// What a demonstration leaves in the temporary directory: nothing.
fn leftovers(world: &World) -> Vec<PathBuf> {
    fs::read_dir(world.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
fn by_itself_from_end_to_end() {
    sidecar();
    let world = World::new();
    let ran = world.run(&["demo", "--no-input"]).expect(0);
    for said in [
        "1. ",
        "listening on 127.0.0.1:",
        "egress-allow, egress-block",
        "api.example.com under /v1/",
        "approved ",
        "│ status: approved\n│ notes: welcome\n│ applied: no\n│ proposal: ",
        "6. ",
        "demo egress  by ",
    ] {
        assert!(ran.out.contains(said), "{said:?} is not in {}", ran.out);
    }
    assert!(leftovers(&world).is_empty(), "{:?}", leftovers(&world));
}

#[test]
fn settings_of_other_sidecars_do_not_leak_in() {
    sidecar();
    let world = World::new();
    let mut command = world.command(&["demo"]);
    let environment = [
        ("SUPERVISE_PORT", "none"),
        ("SUPERVISE_MAX_PENDING", "none"),
        ("SUPERVISE_QUEUE_DIR", "/"),
    ];
    let output = command.envs(environment).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn at_the_terminal_you_decide() {
    sidecar();
    let world = World::new();
    let mut terminal = Terminal::start(&world, &["demo"], &[]);
    terminal.wait_for("skip or quit?");
    terminal.type_in("r");
    terminal.wait_for("notes for the agent");
    terminal.type_in("ask for the mirror\r");
    terminal.wait_for("status: rejected");
    terminal.wait_for("notes: ask for the mirror");
    terminal.wait_for("rejected");
    assert_eq!(terminal.wait(), 0);
    assert!(leftovers(&world).is_empty());
}

#[test]
fn left_undecided_the_agent_is_told_so() {
    sidecar();
    let world = World::new();
    let mut terminal = Terminal::start(&world, &["demo"], &[]);
    terminal.wait_for("skip or quit?");
    terminal.type_in("q");
    terminal.wait_for("status: pending");
    terminal.wait_for("nothing was decided");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn ctrl_c_cleans_up() {
    sidecar();
    let world = World::new();
    let mut terminal = Terminal::start(&world, &["demo"], &[]);
    terminal.wait_for("listening on 127.0.0.1:");
    terminal.wait_for("skip or quit?");
    let address = terminal
        .screen()
        .split("listening on ")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned();
    assert!(std::net::TcpStream::connect(&address).is_ok());
    terminal.type_in("\u{3}");
    assert_eq!(terminal.wait(), 130);
    assert!(terminal.is_sane());
    assert!(leftovers(&world).is_empty(), "{:?}", leftovers(&world));
    assert!(
        std::net::TcpStream::connect(&address).is_err(),
        "the sidecar still listens"
    );
}

#[test]
fn without_a_sidecar_it_says_where_to_put_one() {
    let world = World::new();
    let alone = world.path("alone");
    fs::create_dir(&alone).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_supervise"), alone.join("supervise")).unwrap();
    let output = Command::new(alone.join("supervise"))
        .arg("demo")
        .env_clear()
        .env("HOME", &alone)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("PATH"));
}
