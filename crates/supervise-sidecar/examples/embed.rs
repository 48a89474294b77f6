//! A program with its own start and end that has a sidecar in it: `cargo run --example embed -- QUEUE_DIR`.
//!
//! Prints the address it serves on and, until its input ends, goes on with whatever else it does.

use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

use supervise_sidecar::{Config, serve};
use supervise_store::Queue;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let queue_dir: PathBuf = std::env::args_os().nth(1).ok_or("usage: embed QUEUE_DIR")?.into();
    // The environment is not looked at; every setting is a field.
    let mut config = Config::new("dev".parse()?, queue_dir);
    config.response_timeout = Some(20.0);
    let queue = Queue::create(&config.queue_dir, &config.bottle).await?;
    // Any listener will do: one that was inherited from an init, or one that was bound before privileges
    // were dropped.
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    // Returns once every held call is answered.
    serve(listener, queue, config, end_of_input()).await;
    writeln!(io::stdout(), "stopped")?;
    Ok(())
}

/// When this program is done.
async fn end_of_input() {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        // Whatever goes wrong with the input is its end too.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = ended.send(());
    });
    let _ = end.await;
}
