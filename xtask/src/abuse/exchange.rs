//! Bytes to the server and whatever comes back, on a connection of their own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than the server lets anything take.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Sends all, says that this was all, and reads to the end. `None`: the server hangs.
pub(super) async fn exchange(address: SocketAddr, request: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut stream = TcpStream::connect(address).await?;
    // A million closed connections would otherwise each keep a port for a minute.
    stream.set_zero_linger()?;
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let talk = async {
        let send = async {
            // The server may have heard enough before the end.
            let _ = writer.write_all(request).await;
            let _ = writer.shutdown().await;
        };
        // A reset is an end too.
        let (_, _) = tokio::join!(send, reader.read_to_end(&mut answer));
    };
    let ended = timeout(TIME_LIMIT, talk).await.is_ok();
    Ok(ended.then_some(answer))
}
