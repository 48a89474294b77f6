//! `supervise review` as a person has it: a shell in tmux, 80 columns and 24 rows.

use std::fs;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use supervise_core::{Proposal, Status, Tool};
use supervise_store::State;

use crate::world::{ROUTE, World, fixed};

const PATIENCE: Duration = Duration::from_secs(30);
const QUESTION: &str = "skip or quit?";
const DANGEROUS: &str = "{\"host\": \"github.io\", \"path_allowlist\": [\"/\"]}";

/// A tmux server of its own, with a shell in it.
struct Tmux<'a> {
    world: &'a World,
}

impl<'a> Tmux<'a> {
    fn start(world: &'a World, environment: &[(&str, &str)]) -> Tmux<'a> {
        let tmux = Tmux { world };
        let mut command = tmux.command();
        command.args([
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            "-c",
        ]);
        command.arg(world.path("."));
        command.arg("sh");
        assert!(command.status().unwrap().success());
        let bin = std::path::Path::new(env!("CARGO_BIN_EXE_supervise"));
        let path = format!("{}:/usr/bin:/bin", bin.parent().unwrap().display());
        let exported = [("PATH", path.as_str())]
            .into_iter()
            .chain(environment.iter().copied());
        let exported: String = exported
            .map(|(name, value)| format!("export {name}='{value}'; "))
            .collect();
        // Said to the shell itself: a server hands on less than it is given, and some shells take no prompt.
        tmux.press(&[&format!("{exported}PS1='shell''> '; clear"), "Enter"]);
        tmux.wait_for("shell>");
        tmux
    }

    fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", self.world.path("."))
            .env("SUPERVISE_ROOT", self.world.root.path())
            .arg("-S")
            .arg(self.world.path("tmux.socket"));
        command
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Presses keys, by tmux's names for them.
    fn press(&self, keys: &[&str]) {
        assert!(self.tmux(&[&["send-keys"][..], keys].concat()).status.success());
    }

    fn screen(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p"]).stdout).unwrap()
    }

    /// Waits until the last of what is on the screen holds `text`.
    #[track_caller]
    fn wait_for(&self, text: &str) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            let written = screen.trim_end().lines().rev().take(3);
            if written.into_iter().any(|line| line.contains(text)) {
                return;
            }
            assert!(Instant::now() < give_up, "no {text:?} at the end of:\n{screen}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the question about the proposal with this reason stands there, fresh and unanswered.
    #[track_caller]
    fn asks_about(&self, reason: &str) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            let card = screen.rsplit("why\n").next().unwrap_or_default();
            let helped = card.contains("exactly what is on the screen");
            if card.contains(reason) && !helped && screen.trim_end().ends_with("[a/m/r/S/q/?]") {
                return;
            }
            assert!(
                Instant::now() < give_up,
                "no question about {reason:?} in:\n{screen}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the screen holds `text` anywhere.
    #[track_caller]
    fn shows(&self, text: &str) {
        let give_up = Instant::now() + PATIENCE;
        while !self.screen().contains(text) {
            assert!(Instant::now() < give_up, "no {text:?} in:\n{}", self.screen());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs a command at the shell's prompt.
    fn run(&self, command: &str) {
        self.press(&["clear", "Enter"]);
        self.press(&[command, "Enter"]);
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]);
    }
}

fn status(world: &World, proposal: &Proposal) -> Option<Status> {
    match world.find(proposal).state {
        State::Decided(answer) => Some(answer.response.status),
        _ => None,
    }
}

fn routes(world: &World, count: u128) -> Vec<Proposal> {
    let route = |n| world.propose(fixed("dev", n, Tool::EgressAllow, ROUTE, &format!("reason {n}")));
    (0..count).map(route).collect()
}

#[test]
#[ignore = "needs tmux"]
fn tmux_every_answer() {
    let world = World::new();
    let all = routes(&world, 5);
    let danger = world.propose(fixed("dev", 9, Tool::EgressAllow, DANGEROUS, "a danger"));
    let code = &danger.digest().short()[..4];
    // A slip first; where it finds its slip it mends it.
    let editor = world.path("editor.sh");
    let script = "for f; do :; done\ngrep -q '\"v2' \"$f\" && exec sed -i 's,\"v2,\"/v2,' \"$f\"\nsed -i 's,\"/v1,\"v2,' \"$f\"\n";
    fs::write(&editor, script).unwrap();
    let tmux = Tmux::start(&world, &[("EDITOR", &format!("sh {}", editor.display()))]);
    tmux.run("supervise review; echo ended $?");
    tmux.asks_about("reason 0");
    tmux.press(&["a"]);
    tmux.asks_about("reason 1");
    assert_eq!(status(&world, &all[0]), Some(Status::Approved));
    tmux.press(&["m"]);
    tmux.wait_for("edit it again?");
    tmux.press(&["y"]);
    tmux.wait_for("approve it in this form?");
    tmux.press(&["y"]);
    tmux.asks_about("reason 2");
    assert_eq!(status(&world, &all[1]), Some(Status::Modified));
    tmux.press(&["r"]);
    tmux.wait_for("notes for the agent");
    tmux.press(&["not today", "Enter"]);
    tmux.asks_about("reason 3");
    assert_eq!(status(&world, &all[2]), Some(Status::Rejected));
    tmux.press(&["s"]);
    tmux.asks_about("reason 4");
    // Narrower and wider again: shown anew each time, and nothing is decided by it.
    for (columns, rows) in [("60", "40"), ("100", "24"), ("80", "24")] {
        tmux.press(&["?"]);
        tmux.wait_for("quit     leave");
        tmux.tmux(&["resize-window", "-x", columns, "-y", rows]);
        tmux.asks_about("reason 4");
    }
    tmux.asks_about("reason 4");
    tmux.press(&["Enter"]);
    tmux.asks_about("a danger");
    tmux.press(&["a"]);
    tmux.wait_for(&format!("type {code} to approve"));
    tmux.press(&["0000x", "Enter"]);
    tmux.asks_about("a danger");
    tmux.press(&["q"]);
    tmux.wait_for("ended 0");
    let left = [&all[3], &all[4], &danger];
    assert!(left.iter().all(|proposal| status(&world, proposal).is_none()));
}

#[test]
#[ignore = "needs tmux"]
fn tmux_type_ahead_and_ctrl_c() {
    let world = World::new();
    let all = routes(&world, 2);
    let tmux = Tmux::start(&world, &[]);
    tmux.run("stty -g > before; sleep 1; supervise review; echo ended $?; stty -g > after");
    tmux.press(&["a", "Enter", "a", "Enter"]);
    tmux.wait_for(QUESTION);
    assert!(all.iter().all(|proposal| status(&world, proposal).is_none()));
    tmux.press(&["C-c"]);
    tmux.wait_for("ended 130");
    // While a line is typed it is the terminal that turns Ctrl-C into a signal.
    tmux.run("supervise reject 5eed0000-0000-4000-8000-000000000000; echo ended $?; stty -g > after");
    tmux.wait_for("notes for the agent");
    tmux.press(&["never mind", "C-c"]);
    tmux.wait_for("ended 130");
    tmux.run("echo sane again");
    tmux.wait_for("sane again");
    let modes = |name: &str| fs::read_to_string(world.path(name)).unwrap();
    assert_eq!(modes("before"), modes("after"));
    assert!(world.audit().is_empty());
}

#[test]
#[ignore = "needs tmux"]
fn tmux_left_and_come_back_to() {
    let world = World::new();
    let all = routes(&world, 1);
    let tmux = Tmux::start(&world, &[]);
    // Spelled so that the command on the screen is not yet its own answer.
    tmux.run("set -m; supervise review --follow; stty -a | grep -q ' icanon' && echo li''nes; fg");
    tmux.wait_for(QUESTION);
    tmux.press(&["C-z"]);
    tmux.shows("lines");
    tmux.asks_about("reason 0");
    tmux.press(&["a"]);
    tmux.wait_for("waiting for proposals");
    assert_eq!(status(&world, &all[0]), Some(Status::Approved));
    tmux.press(&["C-c"]);
    tmux.wait_for("shell>");
}
