//! What is recorded: an agent that asks and an operator who decides, and a note of each thing they were promised.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::command::{Failed, run as run_command};
use crate::torture::operator::field;
use crate::torture::world::{World, trouble};

pub(super) const SLUG: &str = "torture";
/// The notes of promises, beside the copy of the root as it was in the end.
pub(super) const PROMISES: &str = "promises";
pub(super) const COPY: &str = "copy";

/// Plays the recorded part; run under strace by [`super::run`].
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to put the notes
    out: PathBuf,
    transactions: u32,
}

/// Writes each promise with one call, so that it lies in the recording behind what it rests on.
struct Promises(File);

impl Promises {
    fn note(&mut self, promise: &Value) -> Result<(), Failed> {
        self.0
            .write_all(format!("{promise}\n").as_bytes())
            .map_err(trouble("noting a promise"))
    }
}

pub(crate) fn run(args: &Args) -> Result<(), Failed> {
    let notes = File::create(args.out.join(PROMISES)).map_err(trouble("noting promises"))?;
    let mut promises = Promises(notes);
    let world = World::with_routes(&[SLUG.to_owned()])?;
    promises.note(&json!({"root": world.root()}))?;
    for round in 0..args.transactions.div_ceil(2) {
        let id = ask(&world, round, &mut promises)?;
        decide(&world, &id, round, &mut promises)?;
    }
    world.bottles[0].stop_sidecar();
    promises.note(&json!({"end": true}))?;
    copy(world.root(), &args.out.join(COPY))
}

fn ask(world: &World, round: u32, promises: &mut Promises) -> Result<String, Failed> {
    let arguments = json!({"host": host(round), "justification": "the tests need it"});
    let told = world.bottles[0].call("egress-allow", &arguments);
    let told = told.ok_or_else(|| Failed::new("the sidecar doesn't answer"))?;
    promises.note(&json!({"proposed": told.id}))?;
    Ok(told.id)
}

fn decide(world: &World, id: &str, round: u32, promises: &mut Promises) -> Result<(), Failed> {
    let verb: &[&str] = match round % 3 {
        2 => &["reject", "--json", "--notes", "no", id],
        _ => &["approve", "--json", id],
    };
    let said = world.said(verb)?;
    let said: Value =
        serde_json::from_str(&said).map_err(|error| Failed::new(format!("approve: {error}")))?;
    promises.note(&json!({"decided": id, "status": field(&said, "status"), "host": host(round)}))?;
    // Half of the answers are fetched, which archives them.
    if round.is_multiple_of(2) {
        world.bottles[0].call("check-proposal", &json!({"proposal_id": id}));
    }
    Ok(())
}

fn host(round: u32) -> String {
    format!("r{round}.example.com")
}

fn copy(from: &Path, to: &Path) -> Result<(), Failed> {
    run_command(Command::new("cp").arg("-a").arg(from).arg(to))
}
