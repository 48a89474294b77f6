//! Connections that take their time: with heads, with bodies, and with reading their answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::{sleep, sleep_until};

use super::ground::{Ground, Sidecar, ask, post, runtime};
use super::{Args, Reading, quantile};
use crate::command::{Failed, say};

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
/// Between two bytes of a slow client.
const PAUSE: Duration = Duration::from_millis(500);
/// Between two requests of the good one.
const EVERY: Duration = Duration::from_millis(20);
/// How long after the attack what it took must be given back.
const SETTLING: Duration = Duration::from_secs(5);
/// More requests than anything on the way keeps the answers of.
const CHOKING: usize = 500;

/// Of 4 KiB, as nearly everywhere; the figure is only printed.
const PAGES_PER_MIB: f64 = 256.0;

/// Who attacks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wave {
    /// A third each: slow with heads, with bodies, with reading.
    Mixed,
    /// All ask as fast as they can, and read nothing.
    Readers,
}

/// What the good client and the onlooker saw.
#[derive(Default)]
struct Seen {
    millis: Vec<f64>,
    failed: usize,
    most_mib: f64,
    most_descriptors: f64,
    most_socket_mib: f64,
}

pub(super) fn run(args: &Args) -> Result<Vec<Reading>, Failed> {
    say(&format!(
        "{} slow connections for {} s",
        args.connections, args.seconds
    ));
    raise_descriptor_limit();
    let ground = Ground::new(args)?;
    let sidecar = ground.sidecar("slow", &[])?;
    for _ in 0..200 {
        // What every server does once: fill the buffers of its first requests.
        let _ = ask(sidecar.address, &post(LIST));
    }
    let (before_mib, before_descriptors) = (sidecar.resident_mib()?, sidecar.descriptors()?);
    let mut seen = endure(&sidecar, args.connections, args, Wave::Mixed)?;
    std::thread::sleep(SETTLING);
    let kept = sidecar.resident_mib()? - before_mib;
    // What is freed and not given back must at least serve again.
    let again = endure(&sidecar, args.connections, args, Wave::Mixed)?;
    std::thread::sleep(SETTLING);
    // Before the metrics are asked, which is a connection.
    let kept_descriptors = sidecar.descriptors()? - before_descriptors;
    let mut readers = read_nothing(&ground, args)?;
    let p99 = quantile(&mut seen.millis, 0.99);
    Ok(vec![
        Reading::plain("answers to a good client meanwhile", seen.millis.len() as f64, ""),
        Reading::at_most(
            "it was not answered",
            (seen.failed + again.failed) as f64,
            "",
            0.0,
        ),
        Reading::plain("answers while nobody else reads", readers.millis.len() as f64, ""),
        Reading::at_most("it was not answered then", readers.failed as f64, "", 0.0),
        Reading::plain("its answer then, p50", quantile(&mut readers.millis, 0.5), "ms"),
        Reading::plain("its answer then, p99", quantile(&mut readers.millis, 0.99), "ms"),
        Reading::plain("its answer, p50", quantile(&mut seen.millis, 0.5), "ms"),
        Reading::at_most("its answer, p99", p99, "ms", 100.0).if_release(args),
        Reading::plain(
            "connections turned out for others",
            sidecar.metric("supervise_connections_evicted_total")?,
            "",
        ),
        Reading::plain("memory before", before_mib, "MiB"),
        Reading::at_most("memory at most", seen.most_mib.max(readers.most_mib), "MiB", 64.0),
        Reading::plain(
            "the kernel's for all sockets, these clients' too, at most",
            seen.most_socket_mib.max(readers.most_socket_mib),
            "MiB",
        ),
        Reading::at_most("memory kept afterwards", kept, "MiB", 2.0).if_release(args),
        Reading::at_most(
            "a second time, more than at most",
            again.most_mib - seen.most_mib,
            "MiB",
            4.0,
        ),
        Reading::plain("descriptors at most", seen.most_descriptors, ""),
        Reading::at_most("descriptors kept", kept_descriptors, "", 0.0),
        Reading::at_most("panics", sidecar.metric("supervise_panics_total")?, "", 0.0),
    ])
}

/// Twice as many readers as there are places, but few enough that an unoptimised sidecar still has time for the
/// good client: what these cost is CPU, like any request.
fn read_nothing(ground: &Ground, args: &Args) -> Result<Seen, Failed> {
    let places = (args.connections / 8).to_string();
    let sidecar = ground.sidecar("readers", &[("SUPERVISE_MAX_CONNECTIONS", &places)])?;
    endure(&sidecar, args.connections / 4, args, Wave::Readers)
}

/// One attack, seen by a good client.
fn endure(sidecar: &Sidecar, connections: usize, args: &Args, wave: Wave) -> Result<Seen, Failed> {
    let ended = Arc::new(AtomicBool::new(false));
    let attack = {
        let (address, ended) = (sidecar.address, Arc::clone(&ended));
        let seconds = Duration::from_secs(args.seconds);
        std::thread::spawn(move || {
            let done = attack(address, connections, seconds, wave);
            ended.store(true, Ordering::Relaxed);
            done
        })
    };
    let seen = watch(sidecar, &ended)?;
    attack
        .join()
        .map_err(|_| Failed::new("the slow clients panicked"))??;
    Ok(seen)
}

/// Asks as a well-behaved client does, each time on a new connection, until the attack has ended.
fn watch(sidecar: &Sidecar, ended: &AtomicBool) -> Result<Seen, Failed> {
    let mut seen = Seen::default();
    while !ended.load(Ordering::Relaxed) {
        let begun = Instant::now();
        match ask(sidecar.address, &post(PING)) {
            Ok(answer) if answer.contains("\"result\":{}") => {
                seen.millis.push(begun.elapsed().as_secs_f64() * 1e3)
            }
            other => {
                seen.failed += 1;
                say(&format!("  not answered: {other:?}"));
            }
        }
        seen.most_mib = seen.most_mib.max(sidecar.resident_mib()?);
        seen.most_descriptors = seen.most_descriptors.max(sidecar.descriptors()?);
        seen.most_socket_mib = seen.most_socket_mib.max(socket_mib());
        std::thread::sleep(EVERY);
    }
    Ok(seen)
}

fn attack(address: SocketAddr, connections: usize, time: Duration, wave: Wave) -> Result<(), Failed> {
    runtime()?.block_on(async {
        let end = tokio::time::Instant::now() + time;
        let local = LocalSet::new();
        for number in 0..connections {
            let way = match wave {
                Wave::Mixed => number % 3,
                Wave::Readers => 2,
            };
            local.spawn_local(async move {
                loop {
                    // However it ends, it is tried again.
                    let _ = drag(address, way).await;
                    sleep(PAUSE).await;
                }
            });
        }
        local.run_until(sleep_until(end)).await;
    });
    Ok(())
}

async fn drag(address: SocketAddr, way: usize) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    match way {
        0 => drip(&mut stream, b"POST / HTTP/1.1\r\nHost: supervise\r\nX-Slow: ").await,
        1 => {
            let head = "POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: 1000000\r\n\r\n";
            stream.write_all(head.as_bytes()).await?;
            // The half of it fast: what is kept for it is what costs.
            stream.write_all(&[b' '; 14 * 1024]).await?;
            drip(&mut stream, b" ").await
        }
        _ => {
            let length = LIST.len();
            let request =
                format!("POST / HTTP/1.1\r\nHost: supervise\r\nContent-Length: {length}\r\n\r\n{LIST}");
            stream.write_all(request.repeat(CHOKING).as_bytes()).await?;
            // Until the server ends it; nothing is read, so only an error tells.
            stream.ready(Interest::ERROR).await?;
            Ok(())
        }
    }
}

async fn drip(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes.iter().chain(std::iter::repeat(&b'x')) {
        stream.write_all(&[*byte]).await?;
        sleep(PAUSE).await;
    }
    Ok(())
}

/// What the kernel keeps for TCP sockets, all of this network's together.
fn socket_mib() -> f64 {
    let stat = std::fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    let line = stat.lines().find_map(|line| line.strip_prefix("TCP: "));
    let pages = line.and_then(|line| line.split_once(" mem ")?.1.trim().parse::<f64>().ok());
    pages.unwrap_or_default() / PAGES_PER_MIB
}

/// Each slow client is a descriptor.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it is forbidden, there are fewer slow clients.
    let _ = setrlimit(Resource::Nofile, limit);
}
