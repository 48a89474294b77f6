//! One call after the other; the other end decides each.

use std::io;
use std::net::SocketAddr;

use serde_json::json;

use super::ask::{self, Accept};
use super::connection::Connection;
use super::{now, say};

pub(super) async fn run(address: SocketAddr) -> io::Result<()> {
    let mut connection = Connection::new(address);
    for (round, line) in io::stdin().lines().enumerate() {
        line?;
        let request = ask::propose(&format!("round-{round}"), Accept::Json);
        let answer = connection.call(&request).await?;
        let at = now();
        say(&json!({"at": at, "approved": answer.contains("status: approved")}))?;
    }
    Ok(())
}
