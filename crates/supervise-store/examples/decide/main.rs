//! The operator of the benchmark: decides what is pending and says when, fills queues, and times what a
//! program of the operator does inside its own process.
//!
//! Commands come on stdin, one a line, and each is answered by one line on stdout.

mod audit;
mod clock;
mod diff;
mod files;
mod fill;
#[cfg(feature = "postgres")]
mod fleet;
mod page;
mod plain;
mod six_steps;

use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;

use supervise_core::{Root, Slug};

type Error = Box<dyn std::error::Error>;

const USAGE: &str = "usage: decide at ROOT | at-files ROOT | at-fleet ROOT URL | fill ROOT BOTTLES PENDING ARCHIVED | fill-audit ROOT ENTRIES | \
    page ROOT TIMES | diff BEFORE AFTER TIMES";

/// One queue under a root, as every command here needs it.
struct Bench {
    root: Root,
    slug: Slug,
}

impl Bench {
    fn new(root: &str) -> Result<Bench, Error> {
        Ok(Bench {
            root: Root::new(PathBuf::from(root)),
            slug: "bench".parse()?,
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["at", root] => obey(&Bench::new(root)?).await,
        #[cfg(feature = "postgres")]
        ["at-fleet", root, url] => obey_in_fleet(&Bench::new(root)?, url).await,
        ["at-files", root] => obey_in_files(&Bench::new(root)?).await,
        ["fill", root, bottles, pending, archived] => {
            fill::fill(root, bottles.parse()?, pending.parse()?, archived.parse()?).await?;
            say("filled")
        }
        ["fill-audit", root, entries] => {
            audit::fill(root, entries.parse()?).await?;
            say("filled")
        }
        ["page", root, times] => say(&page::time(&Bench::new(root)?, times.parse()?).await?),
        ["diff", before, after, times] => say(&diff::time(before, after, times.parse()?)?),
        _ => Err(USAGE.into()),
    }
}

/// Obeys until stdin ends. Whoever gives the commands waits for each answer.
async fn obey(bench: &Bench) -> Result<(), Error> {
    let mut sql = plain::open(bench).await?;
    let mut steps = None;
    for line in io::stdin().lock().lines() {
        let answer = match line?.as_str() {
            "count" => plain::count(&mut sql).await?.to_string(),
            "rows" => plain::rows(&mut sql).await?.to_string(),
            "all" => plain::decide_all(&mut sql).await?,
            "next plain" => plain::decide_next(&mut sql).await?,
            "next store" => six_steps::decide_next(&mut sql, &mut steps, bench).await?,
            other => return Err(format!("unknown command: {other}").into()),
        };
        say(&answer)?;
    }
    Ok(())
}

/// The same in a queue of files, where there is one command.
async fn obey_in_files(bench: &Bench) -> Result<(), Error> {
    let mut files = files::Files::at(bench);
    for line in io::stdin().lock().lines() {
        match line?.as_str() {
            "next file" => say(&files.decide_next().await?)?,
            other => return Err(format!("unknown command: {other}").into()),
        }
    }
    Ok(())
}

/// The same in a fleet.
#[cfg(feature = "postgres")]
async fn obey_in_fleet(bench: &Bench, url: &str) -> Result<(), Error> {
    let mut fleet = fleet::Fleet::open(bench, url).await?;
    for line in io::stdin().lock().lines() {
        match line?.as_str() {
            "next fleet" => say(&fleet.decide_next().await?)?,
            other => return Err(format!("unknown command: {other}").into()),
        }
    }
    Ok(())
}

fn say(line: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
