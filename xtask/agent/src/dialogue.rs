//! One JSON object per line, in and out. Orders run at the same time; their tags tell the answers apart.

use std::io::{self, Write as _};
use std::thread;

use serde_json::{Value, json};

use crate::{client, meddle, reach, report};

/// Until stdin ends.
pub(crate) fn run() -> io::Result<()> {
    say(&json!({"ready": true}));
    for line in io::stdin().lines() {
        let order: Value = serde_json::from_str(&line?)?;
        thread::spawn(move || answer(&order));
    }
    Ok(())
}

fn answer(order: &Value) {
    let outcome = match text(order, "do") {
        "call" => client::call(order),
        "request" => client::request(order),
        "report" => report::make(),
        "open" => Ok(reach::open(order)),
        "meddle" => Ok(meddle::with(order)),
        "ports" => reach::ports(order),
        "connect" => reach::connect(order),
        other => Err(io::Error::other(format!("unknown order {other:?}"))),
    };
    say(&match outcome {
        Ok(said) => json!({"tag": order["tag"], "said": said}),
        Err(error) => json!({"tag": order["tag"], "error": error.to_string()}),
    });
}

pub(crate) fn text<'a>(order: &'a Value, name: &str) -> &'a str {
    order[name].as_str().unwrap_or_default()
}

fn say(value: &Value) {
    let mut out = io::stdout().lock();
    // If nobody listens any more, stdin ends too.
    let _ = writeln!(out, "{value}").and_then(|()| out.flush());
}

pub(crate) fn complain(problem: &str) {
    let _ = writeln!(io::stderr(), "agent: {problem}");
}
