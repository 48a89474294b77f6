//! The agent tries to decide: by every tool, method, path, port, file and socket it can think of.

use std::fs;

use serde_json::{Value, json};

use super::agent::Agent;
use super::check::{equal, equal_json, holds, same, trouble};
use super::inside::Inside;
use super::operator::{Operator, id};
use super::sidecar::{QUEUE, Sidecar};
use super::site::Site;
use super::story::ask;
use crate::command::Failed;

/// Tools that other programs on the host may queue for, and names that deciding could have.
const TOOLS: [&str; 9] = [
    "gitleaks-allow",
    "egress-token-allow",
    "approve",
    "modify",
    "reject",
    "decide",
    "respond",
    "submit",
    "reopen",
];
const VERBS: [&str; 5] = ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"];
const PATHS: [&str; 6] = [
    "/approve",
    "/decide",
    "/respond",
    "/proposals",
    "/queue",
    "/metrics",
];
const OUTSIDE: [&str; 3] = ["1.1.1.1:53", "8.8.8.8:443", "169.254.169.254:80"];

pub(super) fn check(site: &Site) -> Result<(), Failed> {
    let sidecar = Sidecar::run(site, &[("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", "60")])?;
    let agent = Agent::run(site)?;
    sidecar_is_locked_down(site, &sidecar)?;
    agent_is_locked_down(site, &agent)?;
    files(site, &agent)?;
    network(&agent)?;
    let operator = Operator::of(site);
    let held = ask(&agent, "wanted.example.com")?;
    let pending = operator.wait_for("wanted.example.com")?;
    decide(&agent, id(&pending))?;
    let still = operator.wait_for("wanted.example.com")?;
    equal_json(
        "after all that it is pending as it was",
        &still["digest"],
        &pending["digest"],
    )?;
    operator.decide(&["reject", id(&pending), "--notes", "no"])?;
    holds(
        "and only the operator ends it",
        held.answer()?.text.starts_with("status: rejected"),
    )?;
    drop(agent);
    sidecar.0.remove()
}

/// There is nothing else in its container that could look, so the host reads what the kernel shows in there.
fn sidecar_is_locked_down(site: &Site, sidecar: &Sidecar<'_>) -> Result<(), Failed> {
    let pid = sidecar.0.inspect("{{.State.Pid}}")?;
    let read = |name: &str| {
        let path = format!("/proc/{pid}/{name}");
        fs::read_to_string(&path).map_err(trouble(&path))
    };
    let inside = Inside {
        status: read("status")?,
        mounts: read("mountinfo")?,
    };
    inside.show_mounts("sidecar");
    inside.is_locked_down("sidecar", site.account, &[QUEUE])
}

fn agent_is_locked_down(site: &Site, agent: &Agent) -> Result<(), Failed> {
    let report = agent.ask(json!({"do": "report"}))?;
    let text = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
    let inside = Inside {
        status: text("status"),
        mounts: text("mounts"),
    };
    inside.show_mounts("agent");
    inside.is_locked_down("agent", site.account, &[])?;
    let points = report["writable"].as_array().into_iter().flatten();
    let elsewhere: Vec<_> = points
        .filter_map(Value::as_str)
        .filter(|point| !point.starts_with("/dev/"))
        .collect();
    equal(
        "agent: places that take a file, besides memory",
        &elsewhere,
        &vec![],
    )?;
    equal_json("agent: processes in sight", &report["processes"], &json!(["1"]))?;
    equal_json("agent: named sockets in sight", &report["sockets"], &json!([]))
}

fn files(site: &Site, agent: &Agent) -> Result<(), Failed> {
    let queue = site.queue();
    let hosts = [
        queue.as_path(),
        &queue.join("supervise.db"),
        &site.root().join("bot-bottle.db"),
        site.folder(),
    ];
    let mut paths: Vec<_> = hosts
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    let behind: Vec<_> = paths.iter().map(|path| format!("/proc/1/root{path}")).collect();
    paths.extend(behind);
    let others = [
        QUEUE,
        "/run/supervise/queue/supervise.db",
        "/run/supervise",
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/podman/podman.sock",
        "/run/containerd/containerd.sock",
        "/proc/kcore",
        "/proc/sysrq-trigger",
        "/dev/mem",
    ];
    paths.extend(others.map(str::to_owned));
    let open = agent.ask(json!({"do": "open", "paths": paths}))?;
    equal_json(
        "agent: of the host's files and sockets it opens",
        &open,
        &json!([]),
    )
}

fn network(agent: &Agent) -> Result<(), Failed> {
    let ports = agent.ask(json!({"do": "ports", "host": "supervise"}))?;
    equal_json(
        "the sidecar's open ports, of all there are",
        &ports,
        &json!([9100]),
    )?;
    for address in OUTSIDE {
        let reached = agent.ask(json!({"do": "connect", "address": address}))?;
        equal_json(&format!("agent: reaches {address}"), &reached, &json!(false))?;
    }
    Ok(())
}

fn decide(agent: &Agent, id: &str) -> Result<(), Failed> {
    let arguments = json!({"proposal_id": id, "id": id, "status": "approved", "notes": "", "final_file": ""});
    for name in TOOLS {
        let message = call("tools/call", &json!({"name": name, "arguments": arguments}));
        refused(agent, "POST", "/", &message, -32602)?;
        refused(agent, "POST", "/", &call(name, &arguments), -32601)?;
    }
    for path in PATHS {
        let path = format!("{path}/{id}");
        for verb in VERBS {
            let said = request(agent, verb, &path, &arguments.to_string())?;
            same(&format!("{verb} {path}"), &said["status"], &json!(405))?;
        }
        // Any path takes a POST, and each is the same endpoint.
        refused(agent, "POST", &path, &call("approve", &arguments), -32601)?;
        refused(agent, "POST", &path, &arguments, -32600)?;
    }
    holds(
        &format!(
            "{} tools and methods, {} paths: none decides",
            TOOLS.len(),
            PATHS.len()
        ),
        true,
    )
}

fn call(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

fn refused(agent: &Agent, verb: &str, path: &str, message: &Value, code: i64) -> Result<(), Failed> {
    let said = request(agent, verb, path, &message.to_string())?;
    let body: Value = serde_json::from_str(said["body"].as_str().unwrap_or_default()).unwrap_or_default();
    let what = format!(
        "{verb} {path} {}",
        message["method"].as_str().unwrap_or("no method")
    );
    same(&what, &body["error"]["code"], &json!(code))
}

fn request(agent: &Agent, verb: &str, path: &str, body: &str) -> Result<Value, Failed> {
    agent.ask(json!({"do": "request", "method": verb, "path": path, "body": body}))
}
