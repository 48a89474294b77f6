//! `supervise audit list --follow`.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::audit::world_with_entries;
use crate::audit_verify::{FOREIGN, host_sql};
use crate::world::World;

struct Following {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Following {
    fn start(world: &World, arguments: &[&str]) -> Following {
        let mut command = world.command(&[&["audit", "list", "--follow"], arguments].concat());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Following { child, lines }
    }

    fn next_id(&mut self) -> i64 {
        let line = self.lines.next().unwrap().unwrap();
        serde_json::from_str::<Value>(&line).unwrap()["id"]
            .as_i64()
            .unwrap()
    }

    fn interrupt(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        assert!(self.lines.next().is_none());
    }
}

fn foreign(bottle: &str) -> String {
    FOREIGN
        .replace("'dev'", &format!("'{bottle}'"))
        .replace("CAST(x'66ff' AS TEXT)", "''")
}

#[test]
fn new_entries_are_printed_as_they_come() {
    let world = world_with_entries();
    let mut following = Following::start(&world, &["--limit", "1", "--json", "--bottle", "dev"]);
    assert_eq!(
        following.next_id(),
        4,
        "the last one first, so that it is known to be at work"
    );
    host_sql(&world, &foreign("ci"));
    host_sql(&world, &foreign("dev"));
    assert_eq!(following.next_id(), 7);
    host_sql(&world, &format!("{0}; {0}", foreign("dev")));
    assert_eq!([following.next_id(), following.next_id()], [8, 9]);
    following.interrupt();
}

#[test]
fn a_log_that_is_not_there_yet_is_waited_for() {
    let world = World::new();
    let mut following = Following::start(&world, &["--after", "0", "--json"]);
    world.ask("dev");
    world
        .run(&["approve", "--all", "--bottle", "dev", "--yes"])
        .expect(0);
    assert_eq!(following.next_id(), 1);
    following.interrupt();
}
