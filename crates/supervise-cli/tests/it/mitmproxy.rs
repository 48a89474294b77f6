//! Everything at once: a real egress proxy, the real sidecar, and the operator in between.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::demo::sidecar;
use crate::world::{World, slug};

const PATIENCE: Duration = Duration::from_secs(30);
const FILE: &str = "# by hand\nroutes:\n  - host: docs.example.org\n";
const API: &str = "http://api.example.com/v1/items";

/// A program of the story, its log, and the address it said it listens on.
struct Program {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    fn start(mut command: Command) -> Program {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        keep(child.stdout.take().unwrap(), Arc::clone(&log));
        keep(child.stderr.take().unwrap(), Arc::clone(&log));
        Program { child, log }
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// What stands between `before` and the next blank, once it is there.
    fn wait_for(&self, before: &str) -> String {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if let Some((_, behind)) = log.split_once(before)
                && let Some((word, _)) = behind.split_once(char::is_whitespace)
            {
                return word.trim_end_matches('.').to_owned();
            }
            assert!(Instant::now() < give_up, "no {before:?} in {log}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

fn keep(from: impl std::io::Read + Send + 'static, log: Arc<Mutex<String>>) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
}

/// A web server that says yes to everything.
fn web_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes");
        }
    });
    port
}

/// The proxy of `examples/mitmproxy`, on a free port.
fn proxy(world: &World, routes: &Path) -> Program {
    let mitmdump = PathBuf::from(std::env::var_os("SUPERVISE_MITMPROXY").expect("SUPERVISE_MITMPROXY"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(mitmdump);
    command
        .arg("-s")
        .arg(source.join("../../examples/mitmproxy/egress.py"))
        .arg("-s")
        .arg(source.join("tests/it/mitmproxy/one_port.py"))
        .args(["--listen-host", "127.0.0.1", "--listen-port", "0", "--set"])
        .arg(format!("routes_file={}", routes.display()))
        .arg("--set")
        .arg(format!("confdir={}", world.path("mitmproxy").display()))
        .env("PYTHONUNBUFFERED", "1")
        .env("ONE_PORT", web_server().to_string());
    Program::start(command)
}

/// The whole story's machines.
struct Story {
    world: World,
    proxy: Program,
    proxy_at: String,
    _sidecar: Program,
    sidecar_at: String,
}

impl Story {
    fn start() -> Story {
        let program = sidecar();
        let world = World::new();
        world.run(&["prepare", "dev"]).expect(0);
        let routes = world.root.path().join("routes.yaml");
        fs::write(&routes, FILE).unwrap();
        let proxy = proxy(&world, &routes);
        let proxy_at = proxy.wait_for("proxy listening at ");
        proxy.wait_for("1 routes are in force");
        let mut command = Command::new(program);
        command
            .env("SUPERVISE_BOTTLE_SLUG", "dev")
            .env("SUPERVISE_QUEUE_DIR", world.root.queue_dir(&slug("dev")))
            .env("SUPERVISE_BIND", "127.0.0.1")
            .env("SUPERVISE_PORT", "0")
            .env("SUPERVISE_EGRESS_PROXY_URL", format!("http://{proxy_at}"));
        let sidecar = Program::start(command);
        let sidecar_at = sidecar.wait_for("listening on ");
        let story = Story {
            world,
            proxy,
            proxy_at,
            _sidecar: sidecar,
            sidecar_at,
        };
        story.configure(&format!("kill -HUP {}", story.proxy.child.id()));
        story
    }

    fn configure(&self, reload: &str) {
        let config = format!(
            "[egress]\nroutes_file = \"routes.yaml\"\nreload = [\"/bin/sh\", \"-c\", \"{reload}\"]\n\
             introspect = \"http://_egress.local/allowlist\"\nproxy = \"http://{}\"\n",
            self.proxy_at
        );
        fs::write(self.world.root.path().join("supervise.toml"), config).unwrap();
    }

    fn routes(&self) -> String {
        fs::read_to_string(self.world.root.path().join("routes.yaml")).unwrap()
    }

    /// The status with which a request ends that goes through the proxy.
    fn status(&self, url: &str) -> u16 {
        let host = url.split('/').nth(2).unwrap();
        let mut stream = TcpStream::connect(&self.proxy_at).unwrap();
        write!(
            stream,
            "GET {url} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Calls a tool as an agent does; its text comes once it is answered.
    fn call(&self, tool: &str, arguments: Value) -> JoinHandle<String> {
        let params = json!({"name": tool, "arguments": arguments});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        let mut stream = TcpStream::connect(&self.sidecar_at).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: supervise\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        thread::spawn(move || {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let (_, json) = answer.split_once("\r\n\r\n").unwrap();
            let answer: Value = serde_json::from_str(json).unwrap();
            answer["result"]["content"][0]["text"]
                .as_str()
                .unwrap()
                .to_owned()
        })
    }

    fn ask(&self, host: &str) -> (JoinHandle<String>, String) {
        let arguments =
            json!({"host": host, "path_allowlist": ["/v1/"], "justification": "the tests need it"});
        let call = self.call("egress-allow", arguments);
        let give_up = Instant::now() + PATIENCE;
        loop {
            let listed = self.world.run(&["list", "--json"]).expect(0).json();
            if let Some(id) = listed[0]["id"].as_str() {
                return (call, id.to_owned());
            }
            assert!(Instant::now() < give_up, "nothing was asked");
        }
    }
}

#[test]
#[ignore = "needs SUPERVISE_MITMPROXY"]
fn an_approval_opens_the_way_and_a_broken_reload_does_not() {
    let story = Story::start();
    assert_eq!(
        (story.status(API), story.status("http://docs.example.org/x")),
        (403, 200)
    );

    let (call, id) = story.ask("api.example.com");
    let ran = story.world.run(&["approve", &id]).expect(0);
    assert!(
        ran.err.contains("in force") && !ran.err.contains("warning"),
        "{}",
        ran.err
    );
    let told = call.join().unwrap();
    assert!(told.starts_with("status: approved\napplied: yes"), "{told}");
    assert_eq!(
        (story.status(API), story.status("http://docs.example.org/x")),
        (200, 200)
    );
    for outside in [
        "http://api.example.com/v2/",
        "http://api.example.com/v1/../v2/",
        "http://a.example.com/v1/",
    ] {
        assert_eq!(story.status(outside), 403, "{outside}");
    }
    let listed = story.call("list-egress-routes", json!({})).join().unwrap();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["routes"][1]["host"], "api.example.com");
    assert_eq!(listed["routes"][1]["path_allowlist"], json!(["/v1/"]));

    // The command fails, or says that all is well while the proxy goes on as it was.
    let before = story.routes();
    let (call, id) = story.ask("broken.example.com");
    for (reload, why) in [("exit 3", "exit status: 3"), ("true", "lacks broken.example.com")] {
        story.configure(reload);
        let ran = story.world.run(&["approve", &id]).expect(7);
        assert!(ran.err.contains(why), "{}", ran.err);
        assert_eq!(story.routes(), before);
        assert_eq!(
            (story.status(API), story.status("http://broken.example.com/v1/")),
            (200, 403)
        );
        assert_eq!(
            story.world.run(&["list", "--json"]).expect(0).json()[0]["id"],
            *id
        );
    }
    story.configure(&format!("kill -HUP {}", story.proxy.child.id()));
    story.world.run(&["approve", &id]).expect(0);
    assert!(call.join().unwrap().starts_with("status: approved"));
    assert_eq!(story.status("http://broken.example.com/v1/"), 200);
    let actions: Vec<String> = story
        .world
        .audit()
        .into_iter()
        .map(|row| row.entry.operator_action)
        .collect();
    assert_eq!(actions, ["approved", "apply-failed", "apply-failed", "approved"]);
}

#[test]
#[ignore = "needs SUPERVISE_MITMPROXY"]
fn a_file_the_proxy_cannot_read_leaves_its_routes_in_force() {
    let story = Story::start();
    fs::write(story.world.root.path().join("routes.yaml"), "routes: [\n").unwrap();
    story.proxy.signal(Signal::HUP);
    story.proxy.wait_for("is not taken up, 1 routes stay in force");
    assert_eq!(
        (story.status("http://docs.example.org/"), story.status(API)),
        (200, 403)
    );
    // The operator's own edit mends it.
    let edit = ["routes", "edit", "dev", "--file", "-", "--yes"];
    let ran = story
        .world
        .run_with(&edit, "routes:\n  - host: api.example.com\n")
        .expect(0);
    assert!(!ran.err.contains("warning"), "{}", ran.err);
    assert_eq!(
        (story.status("http://docs.example.org/"), story.status(API)),
        (403, 200)
    );
}
