//! A bottle whose queue is one of files, with the very mounts that `prepare` prints: it asks and is answered, and from
//! inside nothing but `in` can be written.

use serde_json::{Value, json};

use super::agent::Agent;
use super::check::{equal, equal_json, holds};
use super::container::Container;
use super::operator::{Operator, id};
use super::sidecar::{QUEUE, Sidecar};
use super::site::Site;
use super::story::ask;
use crate::command::Failed;

const FAR: &str = "far";

pub(super) fn check(site: &Site) -> Result<(), Failed> {
    let operator = Operator::of(site);
    let prepared = operator
        .run(&["prepare", FAR, "--queue", "files", "--json"])?
        .expect(0)?
        .json()?;
    let volumes = volumes(&prepared);
    equal("mounts of a queue of files", &volumes.len(), &2)?;
    let sidecar = run_sidecar(site, &volumes)?;
    let agent = Agent::run(site)?;
    let held = ask(&agent, "far.example.com")?;
    let pending = operator.wait_for("far.example.com")?;
    equal_json("the far bottle's proposal", &pending["bottle_slug"], &json!(FAR))?;
    operator.decide(&["reject", id(&pending), "--notes", "not from there"])?;
    let answer = held.answer()?;
    holds(
        "its answer comes through the read-only mount",
        answer.text.starts_with("status: rejected"),
    )?;
    nothing_but_in(site, &volumes)?;
    operator.run(&["audit", "verify"])?.expect(0)?;
    drop(agent);
    sidecar.0.remove()
}

/// As the engines take them: source, target, mode.
fn volumes(prepared: &Value) -> Vec<String> {
    let text = |mount: &Value, name: &str| mount[name].as_str().unwrap_or_default().to_owned();
    let mounts = prepared["mounts"].as_array().into_iter().flatten();
    mounts
        .map(|mount| {
            format!(
                "{}:{}:{}",
                text(mount, "source"),
                text(mount, "target"),
                text(mount, "mode")
            )
        })
        .collect()
}

fn run_sidecar<'a>(site: &'a Site, volumes: &[String]) -> Result<Sidecar<'a>, Failed> {
    let (container, mut run) = Container::new(site, FAR);
    run.arg("--detach").args(site.names.of("supervise"));
    volumes.iter().for_each(|volume| {
        run.args(["--volume", volume]);
    });
    run.arg(format!("--env=SUPERVISE_BOTTLE_SLUG={FAR}"))
        .arg(site.sidecar_image());
    site.make(&mut run)?;
    let sidecar = Sidecar(container);
    sidecar.wait_until_well()?;
    Ok(sidecar)
}

/// Somebody who has taken the sidecar's place, mounts and account and all.
fn nothing_but_in(site: &Site, volumes: &[String]) -> Result<(), Failed> {
    let intruder = Agent::run_with(site, "intruder", volumes)?;
    let meddle = |folder: String| intruder.ask(json!({"do": "meddle", "folder": folder}));
    for below in ["", "/out"] {
        let done = meddle(format!("{QUEUE}{below}"))?;
        equal_json(
            &format!("what can be done in the queue{below} from inside"),
            &done,
            &json!([]),
        )?;
    }
    let done = meddle(format!("{QUEUE}/in"))?;
    holds(
        "and in its own half it can write",
        done.as_array().is_some_and(|done| !done.is_empty()),
    )
}
