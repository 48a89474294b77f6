//! The program itself: environment, arguments, signals, exit codes.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::bottle::ask;
use crate::client::Client;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_supervise-sidecar"));
    command.env_clear().stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// Starts the server on a free port; its first line says which.
pub(crate) fn start(
    queue_dir: &Path,
    variables: &[(&str, &str)],
) -> (Child, SocketAddr, BufReader<std::process::ChildStderr>) {
    let mut child = program()
        .env("SUPERVISE_BOTTLE_SLUG", "dev")
        .env("SUPERVISE_QUEUE_DIR", queue_dir)
        .env("SUPERVISE_PORT", "0")
        .env("SUPERVISE_BIND", "127.0.0.1")
        .envs(variables.iter().copied())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    let address = line
        .split("listening on ")
        .nth(1)
        .expect(&line)
        .split_whitespace()
        .next()
        .unwrap();
    (child, address.parse().unwrap(), stderr)
}

pub(crate) fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_bad_environment_ends_with_2_and_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let queue_dir = dir.path().join("queue");
    let table = [
        ("SUPERVISE_BOTTLE_SLUG", ""),
        ("SUPERVISE_BOTTLE_SLUG", "  "),
        ("SUPERVISE_BOTTLE_SLUG", "../up"),
        ("SUPERVISE_BOTTLE_SLUG", "Dev"),
        ("SUPERVISE_PORT", "x"),
        ("SUPERVISE_PORT", "70000"),
        ("SUPERVISE_BIND", "somewhere"),
        ("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", "0"),
        ("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", "-3"),
        ("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", "soon"),
        ("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", "nan"),
        ("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", "inf"),
        ("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", "31536000.5"),
        ("SUPERVISE_MAX_PENDING", "-1"),
        ("SUPERVISE_MAX_PROPOSALS_PER_MINUTE", "many"),
        ("SUPERVISE_MAX_QUEUE_BYTES", "1e6"),
        ("SUPERVISE_MAX_CONNECTIONS", "1.5"),
        ("SUPERVISE_EGRESS_PROXY_URL", "ftp://proxy:1"),
        ("SUPERVISE_ALLOWED_HOSTS", "a/b"),
        ("SUPERVISE_METRICS", "on"),
        ("SUPERVISE_METRICS", "0.0.0.0:9101"),
    ];
    for (name, value) in table {
        let mut command = program();
        command
            .env("SUPERVISE_BOTTLE_SLUG", "dev")
            .env("SUPERVISE_QUEUE_DIR", &queue_dir)
            .env(name, value);
        let (code, stdout, stderr) = run(&mut command);
        assert_eq!((code, stdout.as_str()), (2, ""), "{name}={value}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(name), "{stderr}");
    }
    let (code, _, stderr) = run(program().env("SUPERVISE_QUEUE_DIR", &queue_dir));
    assert!(code == 2 && stderr.contains("SUPERVISE_BOTTLE_SLUG"), "{stderr}");
    assert!(!queue_dir.exists());
}

#[test]
fn arguments() {
    let (code, stdout, _) = run(program().arg("--version"));
    assert_eq!(
        (code, stdout),
        (0, format!("supervise-sidecar {}\n", env!("CARGO_PKG_VERSION")))
    );
    let (code, help, _) = run(program().arg("--help"));
    assert_eq!(code, 0);
    for name in [
        "SUPERVISE_BOTTLE_SLUG",
        "SUPERVISE_ALLOWED_HOSTS",
        "9100",
        "healthcheck",
        "Example",
    ] {
        assert!(help.contains(name), "{help}");
    }
    for arguments in [
        vec!["serve"],
        vec!["--port", "1"],
        vec!["--help", "me"],
        vec!["\u{1b}[31m"],
    ] {
        let (code, stdout, stderr) = run(program().args(&arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(
            stderr.lines().count() == 1 && !stderr.contains('\u{1b}'),
            "{stderr:?}"
        );
    }
}

#[test]
fn healthcheck_and_signals() {
    for name in ["TERM", "INT"] {
        let dir = tempfile::tempdir().unwrap();
        let (mut child, address, mut stderr) = start(&dir.path().join("queue"), &[]);
        let port = address.port().to_string();
        let healthcheck = || run(program().arg("healthcheck").env("SUPERVISE_PORT", &port));
        assert_eq!(healthcheck(), (0, String::new(), String::new()));
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{name}");
        let mut log = String::new();
        stderr.read_to_string(&mut log).unwrap();
        assert!(!log.contains('\u{1b}'));
        let (code, _, complaint) = healthcheck();
        assert!(code == 1 && complaint.contains(&port), "{complaint}");
    }
    let (code, _, stderr) = run(program().arg("healthcheck").env("SUPERVISE_PORT", "x"));
    assert!(code == 2 && stderr.contains("SUPERVISE_PORT"), "{stderr}");
}

#[test]
fn a_queue_that_cannot_be_made_ends_with_1() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let mut command = program();
    command
        .env("SUPERVISE_BOTTLE_SLUG", "dev")
        .env("SUPERVISE_QUEUE_DIR", file.join("queue"));
    let (code, stdout, stderr) = run(command.env("SUPERVISE_PORT", "0"));
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[tokio::test]
async fn a_signal_answers_what_is_held_and_debug_logs_requests() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, address, mut stderr) = start(&dir.path().join("queue"), &[("SUPERVISE_DEBUG", "1")]);
    let mut client = Client::connect(address).await;
    let path = "/%1b[31m\"x\"";
    let body = crate::bottle::call("egress-allow", ask("api.example.com"));
    let length = body.len();
    let request =
        format!("POST {path} HTTP/1.1\r\nHost: supervise\r\nContent-Length: {length}\r\n\r\n{body}");
    client.send(&request).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    signal(&child, "TERM");
    let answer = client.response().await.json();
    assert!(
        crate::bottle::text(&answer).contains("the sidecar is stopping"),
        "{answer}"
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut log = String::new();
    stderr.read_to_string(&mut log).unwrap();
    assert!(
        log.contains("POST") && log.contains("200") && !log.contains('\u{1b}'),
        "{log}"
    );
}

#[tokio::test]
async fn a_long_path_makes_a_short_line() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, address, mut stderr) = start(&dir.path().join("queue"), &[("SUPERVISE_DEBUG", "1")]);
    let mut client = Client::connect(address).await;
    let request = format!(
        "POST /{} HTTP/1.1\r\nHost: supervise\r\nContent-Length: 2\r\n\r\n{{}}",
        "\u{202e}".repeat(4000)
    );
    client.exchange(&request).await;
    signal(&child, "TERM");
    child.wait().unwrap();
    let mut log = String::new();
    stderr.read_to_string(&mut log).unwrap();
    let line = log.lines().find(|line| line.contains("POST")).expect(&log);
    // So many characters of the path, each as long as escaping makes one.
    assert!(line.len() < 3000, "{}", line.len());
}

#[tokio::test]
async fn the_kind_of_queue_is_as_marked_or_as_the_environment_says() {
    for (marked, url, proposals) in [
        (Some("files"), None, "in"),
        (None, Some("files:"), "in"),
        (Some("sqlite"), None, ""),
        (Some("nonsense"), None, ""),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let queue = dir.path().join("queue");
        std::fs::create_dir(&queue).unwrap();
        if let Some(marked) = marked {
            std::fs::write(queue.join("backend"), marked).unwrap();
        }
        let mut variables = vec![("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", "0.2")];
        variables.extend(url.map(|url| ("SUPERVISE_QUEUE_URL", url)));
        let (mut child, address, _stderr) = start(&queue, &variables);
        let mut client = Client::connect(address).await;
        let body = crate::bottle::call("egress-allow", ask("api.example.com"));
        let answer = client.post(&body, &[]).await;
        assert!(answer.body.contains("status: pending"), "{}", answer.body);
        let names = std::fs::read_dir(queue.join(proposals)).unwrap();
        let kinds: Vec<_> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".proposal") || name == "supervise.db")
            .collect();
        assert_eq!(kinds.len(), 1, "{marked:?} {url:?}: {kinds:?}");
        assert_eq!(kinds[0].ends_with(".proposal"), proposals == "in");
        signal(&child, "TERM");
        child.wait().unwrap();
    }
}
