//! The server inside of another program: the example is built, asked, decided and stopped.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use supervise_store::Verdict;

use crate::bottle::{Bottle, ask, call, proposal_id, text};
use crate::client::Client;

/// The example as it stands; a run of single tests wouldn't build it.
fn example() -> Command {
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--locked",
            "--package",
            "supervise-sidecar",
            "--example",
            "embed",
        ])
        .status()
        .unwrap();
    assert!(built.success());
    let own = std::env::current_exe().unwrap();
    let folder = own.ancestors().nth(2).unwrap();
    Command::new(folder.join("examples/embed"))
}

#[tokio::test]
async fn the_example_serves_and_stops() {
    let bottle = Bottle::new();
    supervise_store::prepare(&bottle.root, &bottle.slug).unwrap();
    let mut program = example()
        .arg(bottle.queue_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let address = lines.next().unwrap().unwrap().parse().unwrap();
    let mut decided = Client::connect(address).await;
    decided
        .send_post(&call("egress-allow", ask("a.example.com")), &[])
        .await;
    let id = bottle.first_pending().await;
    bottle.decide(&id, Verdict::Approve, "").await;
    let answer = decided.response().await.json();
    assert!(text(&answer).starts_with("status: approved") && proposal_id(&answer) == id);
    // Its end answers what it still holds.
    let mut held = Client::connect(address).await;
    held.send_post(&call("egress-allow", ask("b.example.com")), &[])
        .await;
    bottle.first_pending().await;
    drop(program.stdin.take());
    assert!(text(&held.response().await.json()).contains("the sidecar is stopping"));
    assert_eq!(lines.next().unwrap().unwrap(), "stopped");
    assert!(program.wait().unwrap().success());
}
