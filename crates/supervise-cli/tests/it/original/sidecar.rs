//! The original's sidecar holds a call; our program answers it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::python;
use crate::world::{World, slug};

struct Sidecar {
    child: Child,
    port: u16,
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sidecar {
    fn start(world: &World) -> Sidecar {
        // The original prints the port it was given, so a free one has to be found for it.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut command = Command::new("python3");
        command
            .arg(python::folder().join("supervise_server.py"))
            .env("SUPERVISE_BOTTLE_SLUG", "dev")
            .env("SUPERVISE_QUEUE_DIR", world.root.queue_dir(&slug("dev")))
            .env("SUPERVISE_BIND", "127.0.0.1")
            .env("SUPERVISE_PORT", port.to_string())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        assert!(first.contains("listening on"), "{first}");
        thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Sidecar { child, port }
    }

    /// Calls a tool and returns the result once the operator has decided.
    fn call(&self, arguments: Value) -> JoinHandle<Value> {
        let params = json!({"name": "egress-block", "arguments": arguments});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST / HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        thread::spawn(move || {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let (_, json) = answer.split_once("\r\n\r\n").unwrap();
            serde_json::from_str::<Value>(json).unwrap()["result"].take()
        })
    }
}

/// The id of the one that is pending.
fn arrival(world: &World) -> String {
    let give_up = Instant::now() + Duration::from_secs(10);
    loop {
        let ran = world.run(&["list", "--json"]).expect(0);
        if let Some(id) = ran.json()[0]["id"].as_str() {
            return id.to_owned();
        }
        assert!(Instant::now() < give_up, "{}", ran.err);
    }
}

#[test]
#[ignore = "needs SUPERVISE_ORIGINAL"]
fn original_calls_are_answered_by_our_program() {
    let world = World::new();
    world.run(&["prepare", "dev"]).expect(0);
    let sidecar = Sidecar::start(&world);
    let ask = |host: &str| sidecar.call(json!({"host": host, "justification": "the tests need it"}));
    let told = |call: JoinHandle<Value>| {
        let result = call.join().unwrap();
        (
            result["content"][0]["text"].as_str().unwrap().to_owned(),
            result["isError"] == true,
        )
    };

    let call = ask("api.example.com");
    world
        .run(&["approve", &arrival(&world), "--notes", "until Friday"])
        .expect(0);
    assert_eq!(
        told(call),
        ("status: approved\nnotes: until Friday".to_owned(), false)
    );

    let call = ask("pypi.org");
    let route = "{\"host\": \"pypi.org\", \"path_allowlist\": [\"/simple/\"]}";
    world
        .run_with(&["modify", &arrival(&world), "--file", "-"], route)
        .expect(0);
    let (text, is_error) = told(call);
    assert!(text.starts_with("status: modified\n") && !is_error, "{text}");

    let call = ask("evil.example");
    world
        .run(&["reject", &arrival(&world), "--notes", "no"])
        .expect(0);
    assert_eq!(told(call), ("status: rejected\nnotes: no".to_owned(), true));

    // The original archives what it delivered: nothing is pending, and every decision has its entry.
    assert_eq!(world.run(&["list", "--json"]).expect(0).out, "[]\n");
    let actions: Vec<_> = world
        .audit()
        .into_iter()
        .map(|row| row.entry.operator_action)
        .collect();
    assert_eq!(actions, ["approved", "modified", "rejected"]);
}
