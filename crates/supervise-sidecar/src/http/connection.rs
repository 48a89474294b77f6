//! One connection from its acceptance to its end.

use std::convert::Infallible;
use std::future::{Future as _, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpStream;

use super::connections::Seat;
use super::link::Link;
use super::request;
use super::scrape;
use super::wire::Wire;
use crate::metrics::Rejected;
use crate::sidecar::{Phase, Sidecar};

/// The library counts idling and a head as one. The wire tells them apart and is stricter; this is for
/// heads that the two should see differently.
const HEAD_TIME_LIMIT: Duration = Duration::from_secs(90);
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 32;
/// Past the connection limit there is time for one short exchange.
const OVERFLOW_TIME_LIMIT: Duration = Duration::from_secs(3);

/// Where a connection came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Agents,
    Metrics,
}

/// Serves requests until the client leaves or this side closes the connection.
pub(crate) async fn drive(
    sidecar: Arc<Sidecar>,
    door: Door,
    stream: TcpStream,
    peer: SocketAddr,
    seat: Seat,
) {
    let _connected = (door == Door::Agents).then(|| sidecar.metrics.connect());
    let metrics = Arc::clone(&sidecar.metrics);
    let link = Arc::new(Link::new(peer.ip().to_canonical(), seat, metrics));
    let mut phase = sidecar.phase();
    let service = service_fn(|request| {
        let (sidecar, link) = (Arc::clone(&sidecar), Arc::clone(&link));
        async move {
            Ok::<_, Infallible>(match door {
                Door::Agents => request::serve(sidecar, link, request).await,
                Door::Metrics => scrape::serve(sidecar, link, request).await,
            })
        }
    });
    let wire = Wire::new(stream, Arc::clone(&link));
    let mut connection = pin!(builder().serve_connection(wire, service));
    let mut cut_off = pin!(cut_off(&link));
    loop {
        let now = *phase.borrow_and_update();
        match now {
            Phase::Serving => {}
            Phase::Stopping => connection.as_mut().graceful_shutdown(),
            Phase::Closed => break,
        }
        let turn = poll_fn(|cx| {
            link.begin_turn();
            connection.as_mut().poll(cx)
        });
        tokio::select! {
            // A connection that ends in an error has told its client, or has none any more.
            ended = turn => {
                if ended.is_err_and(|error| error.is_parse()) {
                    sidecar.metrics.rejected(Rejected::Malformed);
                }
                return;
            }
            () = cut_off.as_mut() => break,
            changed = phase.changed() => if changed.is_err() { break },
        }
    }
    // Requests that are dropped with the connection now were not cancelled by their client.
    link.sever();
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_LIMIT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    builder
}

/// Ready when this side has a reason to close the connection at once.
async fn cut_off(link: &Link) {
    tokio::select! {
        () = link.seat().evicted() => link.metrics().evicted.add_one(),
        () = tokio::time::sleep(OVERFLOW_TIME_LIMIT), if link.seat().is_overflow() => {}
    }
}
