//! Bottles on two hosts and an operator on a third, each in a network of its own, and the database on a fourth.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cluster::{self, Cluster};
use crate::demo;
use crate::world::{Ran, World, block_on};

const PORT: u16 = 9100;
const PATIENCE: Duration = Duration::from_secs(60);

/// A switch with hosts at its ports. Both go with the value.
struct Lan {
    bridge: String,
    /// The first three numbers of every address in it.
    net: String,
    hosts: Vec<Netns>,
}

/// A network namespace: a host's own addresses, routes and ports.
#[derive(Clone)]
struct Netns {
    name: String,
    port: String,
    address: String,
}

impl Lan {
    fn new(names: [&str; 3]) -> Lan {
        Lan::sweep();
        let id = std::process::id();
        let bridge = format!("svb{id}");
        ip(&["link", "add", &bridge, "type", "bridge"]);
        let mut lan = Lan {
            bridge,
            net: free_net(),
            hosts: Vec::new(),
        };
        ip(&[
            "addr",
            "add",
            &format!("{}/24", lan.database()),
            "dev",
            &lan.bridge,
        ]);
        ip(&["link", "set", &lan.bridge, "up"]);
        for (number, name) in names.into_iter().enumerate() {
            let host = Netns {
                name: format!("sv{id}-{name}"),
                port: format!("sv{id}p{number}"),
                address: format!("{}.{}", lan.net, number + 2),
            };
            ip(&["netns", "add", &host.name]);
            lan.hosts.push(host.clone());
            ip(&[
                "link", "add", &host.port, "type", "veth", "peer", "name", "eth0", "netns", &host.name,
            ]);
            ip(&["link", "set", &host.port, "master", &lan.bridge, "up"]);
            let inside = |arguments: &[&str]| ip(&[&["-n", &host.name], arguments].concat());
            inside(&["addr", "add", &format!("{}/24", host.address), "dev", "eth0"]);
            inside(&["link", "set", "eth0", "up"]);
            inside(&["link", "set", "lo", "up"]);
        }
        lan
    }

    fn host(&self, number: usize) -> &Netns {
        &self.hosts[number]
    }

    fn database(&self) -> String {
        format!("{}.1", self.net)
    }

    /// Takes away what runs left that were killed: a kernel keeps it until it stops.
    fn sweep() {
        let bridges = ip(&["-o", "link", "show", "type", "bridge"]);
        let names = bridges.lines().filter_map(|line| line.split(": ").nth(1));
        for bridge in names {
            let Some(id) = bridge.strip_prefix("svb").filter(|id| id.parse::<u32>().is_ok()) else {
                continue;
            };
            if Path::new("/proc").join(id).exists() {
                continue;
            }
            let namespaces = ip(&["netns", "list"]);
            let names = namespaces.lines().filter_map(|line| line.split(' ').next());
            for name in names.filter(|name| name.starts_with(&format!("sv{id}-"))) {
                ip(&["netns", "del", name]);
            }
            ip(&["link", "del", bridge]);
        }
    }
}

/// A network that this machine has no address in, so that runs beside each other don't answer for one another. It is
/// of the block for measuring networks, which nobody routes: RFC 2544.
fn free_net() -> String {
    let addresses = ip(&["-o", "-4", "addr"]);
    (0..=255)
        .map(|number| format!("198.18.{number}"))
        .find(|net| !addresses.contains(&format!(" {net}.")))
        .unwrap()
}

impl Drop for Lan {
    fn drop(&mut self) {
        for host in &self.hosts {
            let _ = Command::new("ip").args(["netns", "del", &host.name]).status();
        }
        let _ = Command::new("ip").args(["link", "del", &self.bridge]).status();
    }
}

impl Netns {
    /// The same command, run on that host.
    fn run(&self, command: &Command) -> Command {
        let mut inside = Command::new("ip");
        inside
            .args(["netns", "exec", &self.name])
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        for (name, value) in command.get_envs() {
            inside.env(name, value.unwrap_or_default());
        }
        inside
    }

    /// Pulls the plug, or puts it back.
    fn plug(&self, state: &str) {
        ip(&["link", "set", &self.port, state]);
    }
}

fn ip(arguments: &[&str]) -> String {
    let output = Command::new("ip").args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {}: {said}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

/// A bottle's sidecar.
struct Sidecar {
    child: Child,
    address: String,
}

impl Sidecar {
    fn start(host: &Netns, slug: &str, url: &str) -> Sidecar {
        let mut program = Command::new(demo::sidecar());
        program
            .env("SUPERVISE_BOTTLE_SLUG", slug)
            .env("SUPERVISE_QUEUE_URL", url)
            .env("SUPERVISE_BIND", "0.0.0.0")
            .env("SUPERVISE_PORT", PORT.to_string());
        let mut child = host.run(&program).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("listening on") {
            let read = lines.read_line(&mut said).unwrap();
            assert!(read > 0, "the sidecar did not start: {said}");
        }
        thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Sidecar {
            child,
            address: format!("{}:{PORT}", host.address),
        }
    }

    /// An agent's call, which ends with what the agent is told.
    fn ask(&self, host: &str) -> JoinHandle<String> {
        let arguments = json!({"host": host, "justification": "the build needs it"});
        let params = json!({"name": "egress-allow", "arguments": arguments});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: supervise\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        thread::spawn(move || {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
            let body: Value = serde_json::from_str(body.trim()).unwrap();
            let text = body["result"]["content"][0]["text"].as_str();
            text.unwrap_or_else(|| panic!("{body}")).to_owned()
        })
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets other hosts in: a new cluster knows its own alone.
async fn let_in(cluster: &Cluster, net: &str) {
    let mut admin = cluster.admin_sql().await;
    let line = format!("host all all {net}.0/24 scram-sha-256");
    for statement in [
        &format!("COPY (SELECT '{line}') TO PROGRAM 'cat >> pg_hba.conf'"),
        "SELECT pg_reload_conf()",
    ] {
        cluster::run(&mut admin, statement).await.unwrap();
    }
}

#[test]
#[ignore = "needs PostgreSQL and network namespaces"]
fn netns_two_hosts_bottles_and_one_operator() {
    let lan = Lan::new(["one", "two", "operator"]);
    let (one, two, operator) = (lan.host(0), lan.host(1), lan.host(2));
    let world = World::new();
    let keys = world.path("");
    cluster::certify(&keys, "root", "server");
    let cluster = block_on(async {
        let cluster = Cluster::encrypted("listen_addresses = '*'", &keys).await;
        let_in(&cluster, &lan.net).await;
        cluster
    });
    let url = cluster.admin_url();
    let url = url.expose().replace("127.0.0.1", &lan.database());
    let root = keys.join("root.crt");
    let url = format!("{url}?sslmode=verify-ca&sslrootcert={}", root.display());
    let run = |arguments: &[&str]| Ran::of(operator.run(&world.command(arguments)).output().unwrap());
    run(&["fleet", "init", "--url", &url]).expect(0);
    let bottle = |slug: &str| {
        let added = run(&["fleet", "add-bottle", slug, "--url", &url]).expect(0);
        added.out.trim().to_owned()
    };
    let here = Sidecar::start(one, "one", &bottle("one"));
    let there = Sidecar::start(two, "two", &bottle("two"));
    let pending = |slugs: &[&str]| {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let listed = run(&["list", "--json"]).expect(0).json();
            let found = listed.as_array().unwrap();
            if found.iter().map(|one| &one["bottle_slug"]).eq(slugs) {
                return found
                    .iter()
                    .map(|one| one["id"].as_str().unwrap().to_owned())
                    .collect::<Vec<_>>();
            }
            assert!(Instant::now() < give_up, "{listed}");
            thread::sleep(Duration::from_millis(50));
        }
    };

    // Both in one list, each told its own answer.
    let first = here.ask("api.example.com");
    pending(&["one"]);
    let second = there.ask("pypi.org");
    let ids = pending(&["one", "two"]);
    run(&["approve", &ids[0], "--notes", "fine"]).expect(0);
    run(&["reject", &ids[1], "--notes", "no"]).expect(0);
    let (first, second) = (first.join().unwrap(), second.join().unwrap());
    assert!(first.starts_with("status: approved\nnotes: fine"), "{first}");
    assert!(second.starts_with("status: rejected\nnotes: no"), "{second}");

    // A host that is cut off keeps what it holds, and is told what was decided meanwhile.
    let third = there.ask("crates.io");
    let ids = pending(&["two"]);
    two.plug("down");
    run(&["approve", &ids[0]]).expect(0);
    thread::sleep(Duration::from_secs(3));
    assert!(!third.is_finished());
    two.plug("up");
    let third = third.join().unwrap();
    assert!(third.starts_with("status: approved"), "{third}");
    pending(&[]);
}
