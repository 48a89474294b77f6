//! Bytes to the server and whatever comes back, on a connection of their own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than the server lets anything take.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// What came back, and how both halves of the connection ended.
pub(super) struct Exchanged {
    pub(super) answer: Vec<u8>,
    pub(super) ends: String,
}

/// Sends all, says that this was all, and reads to the end. `None`: the server hangs.
pub(super) async fn exchange(address: SocketAddr, request: &[u8]) -> io::Result<Option<Exchanged>> {
    let mut stream = TcpStream::connect(address).await?;
    // A million closed connections would otherwise each keep a port for a minute.
    stream.set_zero_linger()?;
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let talk = async {
        let send = async {
            // The server may have heard enough before the end.
            writer.write_all(request).await?;
            writer.shutdown().await
        };
        // A reset is an end too.
        let (sent, read) = tokio::join!(send, reader.read_to_end(&mut answer));
        format!("sending {sent:?}, reading {read:?}")
    };
    let ends = timeout(TIME_LIMIT, talk).await.ok();
    Ok(ends.map(|ends| Exchanged { answer, ends }))
}
