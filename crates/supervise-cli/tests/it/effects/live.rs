//! The live check: the proxy's own list has the last word on what is in force.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::bottle::{Bottle, CONFIG, FILE};
use crate::world::{Ran, World};

const HAS_IT: &str = r#"{"routes": [{"host": "api.example.com", "path_allowlist": ["/v1/"]}]}"#;
const LACKS_IT: &str = r#"[{"host": "example.com", "path_allowlist": ["/v1/"]}]"#;

/// A proxy that answers with each of its answers in turn, and with the last one from then on.
struct Proxy {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(answers: &[String]) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answers) = (Arc::clone(&asked), answers.to_vec());
        std::thread::spawn(move || {
            for (at, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut first = String::new();
                reader.read_line(&mut first).unwrap();
                reader.lines().map_while(Result::ok).find(String::is_empty);
                log.lock().unwrap().push(first.trim_end().to_owned());
                let answer = &answers[at.min(answers.len() - 1)];
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Proxy { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

fn good(body: &str) -> String {
    answer("200 OK", body)
}

/// Configures where the list is asked for.
fn introspect(bottle: &Bottle<'_>, lines: &str) {
    let config = CONFIG.replace("[capability]", &format!("{lines}\n[capability]"));
    fs::write(bottle.root().join("supervise.toml"), config).unwrap();
}

fn approved_with(answers: &[String]) -> (World, Ran, Vec<String>) {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proxy = Proxy::start(answers);
    introspect(&bottle, &format!("introspect = \"{}/list\"", proxy.address));
    let proposal = world.ask("dev");
    let ran = world.run(&["approve", &proposal.id]);
    (world, ran, proxy.asked())
}

#[test]
fn a_list_with_the_route_confirms_it() {
    let (world, ran, asked) = approved_with(&[good(HAS_IT)]);
    let ran = ran.expect(0);
    assert_eq!(asked, ["GET /list HTTP/1.1"]);
    assert!(!ran.err.contains("warning"), "{}", ran.err);
    assert_eq!(world.audit()[0].entry.operator_action, "approved");
}

#[test]
fn a_reload_that_takes_a_moment_is_waited_for() {
    let (_, ran, asked) = approved_with(&[good(LACKS_IT), good("[]"), answer("502 No", ""), good(HAS_IT)]);
    ran.expect(0);
    assert_eq!(asked.len(), 4);
}

#[test]
fn a_list_without_the_route_rolls_it_back() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proxy = Proxy::start(&[good(LACKS_IT)]);
    introspect(
        &bottle,
        &format!(
            "introspect = \"http://_egress.local/{{slug}}\"\nproxy = \"{}\"",
            proxy.address
        ),
    );
    let proposal = world.ask("dev");
    let ran = world.run(&["approve", &proposal.id]).expect(7);
    assert!(
        ran.err
            .contains("the proxy's own list at http://_egress.local/dev lacks api.example.com"),
        "{}",
        ran.err
    );
    assert!(proxy.asked().len() > 1, "it is asked again for a while");
    assert_eq!(proxy.asked()[0], "GET http://_egress.local/dev HTTP/1.1");
    assert_eq!((bottle.text().as_str(), bottle.answer(&proposal)), (FILE, None));
    assert_eq!(bottle.in_force().as_deref(), Some(FILE));
    let audit = world.audit();
    assert_eq!(audit.len(), 1);
    assert_eq!(audit[0].entry.operator_action, "apply-failed");
}

#[test]
fn what_is_no_list_is_a_warning_and_no_more() {
    let huge = format!("[{}]", " ".repeat(1 << 20));
    let table = [
        (answer("500 Oops", "[]"), "answered 500"),
        (answer("302 Found", ""), "answered 302"),
        (good("<html>\u{1b}[2J"), "no list of routes"),
        (good(&huge), "over 1048576 bytes"),
    ];
    for (answer, why) in table {
        let (world, ran, _) = approved_with(std::slice::from_ref(&answer));
        let ran = ran.expect(0);
        let warning = "warning: whether the proxy has taken it up can't be confirmed";
        assert!(ran.err.contains(warning) && ran.err.contains(why), "{}", ran.err);
        assert!(!ran.err.contains('\u{1b}'), "{}", ran.err);
        assert_eq!(world.audit()[0].entry.operator_action, "approved");
    }
}

#[test]
fn a_proxy_that_is_away_is_a_warning() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    introspect(&bottle, "introspect = \"http://127.0.0.1:9/list\"");
    let proposal = world.ask("dev");
    let ran = world.run(&["approve", &proposal.id]).expect(0);
    assert!(ran.err.contains("can't be confirmed"), "{}", ran.err);
}

#[test]
fn what_is_in_the_file_already_must_be_in_force_too() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    world.run(&["approve", &world.ask("dev").id]).expect(0);
    let (file, reloads) = (bottle.text(), bottle.reloads());
    let proxy = Proxy::start(&[good(HAS_IT)]);
    introspect(&bottle, &format!("introspect = \"{}\"", proxy.address));
    let ran = world.run(&["approve", &world.ask("dev").id, "--json"]).expect(0);
    assert!(ran.err.contains("already allowed by"), "{}", ran.err);
    assert_eq!(ran.json()["applied"], true);

    let proxy = Proxy::start(&[good(LACKS_IT)]);
    introspect(&bottle, &format!("introspect = \"{}\"", proxy.address));
    let proposal = world.ask("dev");
    let ran = world.run(&["approve", &proposal.id]).expect(7);
    assert!(ran.err.contains("lacks api.example.com"), "{}", ran.err);
    assert_eq!(bottle.answer(&proposal), None);
    assert_eq!(
        (bottle.text(), bottle.reloads()),
        (file, reloads),
        "nothing is written or run"
    );
}

#[test]
fn recovery_asks_too() {
    let world = World::new();
    let bottle = Bottle::new(&world);
    let proxy = Proxy::start(&[good(LACKS_IT)]);
    introspect(&bottle, &format!("introspect = \"{}\"", proxy.address));
    bottle.script("kill -9 $PPID\n");
    let proposal = world.ask("dev");
    world.command(&["approve", &proposal.id]).output().unwrap();
    assert!(bottle.text().contains("api.example.com") && proxy.asked().is_empty());
    bottle.script("true\n");
    let ran = world.run(&["list"]).expect(0);
    assert!(ran.err.contains("undid an interrupted decision"), "{}", ran.err);
    assert_eq!((bottle.text().as_str(), bottle.answer(&proposal)), (FILE, None));
    assert!(
        world.audit()[0]
            .entry
            .operator_notes
            .contains("lacks api.example.com")
    );
}
