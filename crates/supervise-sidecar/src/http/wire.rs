//! The socket under the HTTP library: knows what was read, what is written, and how to part politely.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::backlog::Backlog;
use super::head::HeadWatch;
use super::link::{Flushed, Link};
use crate::metrics::Rejected;

/// How long a head may take from its first byte to its last, and a new client to begin one.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// How long a client may think between an answer and its next request.
const IDLE_LIMIT: Duration = Duration::from_secs(75);
/// How long a closed connection is still read: closing it on unread bytes would reset it, and the answer
/// with it.
const LINGER: Duration = Duration::from_secs(1);
const SCRATCH_BYTES: usize = 8 * 1024;
/// What the kernel may keep of answers that a client doesn't take; it doubles the number for what it adds to
/// each piece. By itself it would go up to megabytes for each connection, which count as the container's memory.
const SEND_BUFFER_BYTES: usize = 32 * 1024;

/// A connection's socket.
pub(super) struct Wire {
    stream: TokioIo<TcpStream>,
    link: Arc<Link>,
    heads: HeadWatch,
    ended: bool,
    waits: Option<Wait>,
    answered: Answered,
    backlog: Option<Backlog>,
    lingering: Option<Pin<Box<Sleep>>>,
}

/// What a client takes its time for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slow {
    /// The first byte of a head.
    ToBegin,
    /// The rest of it.
    ToEnd,
}

struct Wait {
    slow: Slow,
    until: Pin<Box<Sleep>>,
}

/// Whether this connection has had an answer: only then may it idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    No,
    Yes,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, link: Arc<Link>) -> Self {
        // Where it fails the connection works all the same.
        let _ = set_socket_send_buffer_size(&stream, SEND_BUFFER_BYTES);
        Wire {
            stream: TokioIo::new(stream),
            link,
            heads: HeadWatch::new(),
            ended: false,
            waits: None,
            answered: Answered::No,
            backlog: None,
            lingering: None,
        }
    }

    fn stream(&mut self) -> Pin<&mut TokioIo<TcpStream>> {
        Pin::new(&mut self.stream)
    }

    /// Looks whether the client has gone, before a decision is written to it. While bytes of a next request wait,
    /// the library reads no further, and so nobody has seen it go.
    fn look_for_end(&mut self, cx: &mut Context<'_>) {
        if self.ended || !self.link.carries_decision() {
            return;
        }
        let mut byte = [0];
        let mut buffer = tokio::io::ReadBuf::new(&mut byte);
        if let Poll::Ready(Ok(0) | Err(_)) = self.stream.inner().poll_peek(cx, &mut buffer) {
            self.link.take_back();
        }
    }

    fn poll_scratch<'a>(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &'a mut [u8],
    ) -> Poll<io::Result<&'a [u8]>> {
        let mut buffer = ReadBuf::new(scratch);
        ready!(self.stream().poll_read(cx, buffer.unfilled()))?;
        let length = buffer.filled().len();
        self.ended |= length == 0;
        Poll::Ready(Ok(&scratch[..length]))
    }

    /// Gives a write that can't go on its time limits.
    fn watch_backlog<T>(&mut self, cx: &mut Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if write.is_ready() {
            if let Some(backlog) = &mut self.backlog {
                backlog.progress();
            }
            return write;
        }
        // At once: any time granted is time in which all places can be filled this way.
        self.link.stall();
        ready!(self.backlog.get_or_insert_with(Backlog::new).poll(cx));
        self.link.sever();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.link.poll_end(cx) {
            Poll::Ready(()) => Poll::Ready(Ok(())),
            Poll::Pending => self.poll_patience(cx).map(Err),
        }
    }

    /// An error once the client has taken too long for what it has to send next.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let Some(slow) = self.slow() else {
            self.waits = None;
            return Poll::Pending;
        };
        if self.waits.as_ref().is_none_or(|wait| wait.slow != slow) {
            let until = Box::pin(sleep(self.patience(slow)));
            self.waits = Some(Wait { slow, until });
        }
        if let Some(wait) = &mut self.waits {
            ready!(wait.until.as_mut().poll(cx));
        }
        if slow == Slow::ToEnd {
            self.link.metrics().rejected(Rejected::Slow);
        }
        self.link.sever();
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    /// Bodies and calls have time limits of their own.
    fn slow(&self) -> Option<Slow> {
        if self.link.seat().is_serving() {
            None
        } else if self.heads.is_within_head() {
            Some(Slow::ToEnd)
        } else {
            self.heads.is_before_head().then_some(Slow::ToBegin)
        }
    }

    fn patience(&self, slow: Slow) -> Duration {
        match (slow, self.answered) {
            (Slow::ToBegin, Answered::Yes) => IDLE_LIMIT,
            (Slow::ToBegin, Answered::No) | (Slow::ToEnd, _) => HEAD_LIMIT,
        }
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = self.lingering.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut scratch = [0; SCRATCH_BYTES];
        while !self.ended {
            if ready!(self.poll_scratch(cx, &mut scratch)).is_err() {
                break;
            }
        }
        Poll::Ready(())
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ended {
            return self.poll_end(cx);
        }
        let mut scratch = [0; SCRATCH_BYTES];
        let room = buf.remaining().min(SCRATCH_BYTES);
        let bytes = match self.poll_scratch(cx, &mut scratch[..room]) {
            Poll::Ready(read) => read?,
            Poll::Pending => return self.poll_patience(cx).map(Err),
        };
        if bytes.is_empty() {
            return self.poll_end(cx);
        }
        if let Some(request) = self.heads.read(bytes) {
            self.link.note_ambiguous_length(request);
        }
        let whole = self.heads.take_whole();
        self.link.owe(whole);
        buf.put_slice(bytes);
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.look_for_end(cx);
        let written = self.stream().poll_write(cx, bytes);
        self.watch_backlog(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.look_for_end(cx);
        let written = self.stream().poll_write_vectored(cx, bytes);
        self.watch_backlog(cx, written)
    }

    /// The library writes all it has before it flushes, so a flush that is done means: it is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.stream().poll_flush(cx))?;
        self.backlog = None;
        if self.link.flushed() == Flushed::Answer {
            self.answered = Answered::Yes;
            self.waits = None;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(self.stream().poll_shutdown(cx))?;
        }
        ready!(self.poll_linger(cx));
        Poll::Ready(Ok(()))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.backlog.is_some() {
            // The kernel would go on offering the rest to a client that takes nothing, and keep it meanwhile.
            // Where that can't be forbidden, it ends by itself some time.
            let _ = self.stream.inner().set_zero_linger();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::super::connections::Connections;
    use super::*;
    use crate::metrics::Metrics;

    async fn pair() -> (TcpStream, Arc<Link>, Wire) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let seat = Connections::new(0).admit().unwrap();
        let link = Arc::new(Link::new(Ipv4Addr::LOCALHOST.into(), seat, Metrics::new()));
        let wire = Wire::new(stream, Arc::clone(&link));
        (client, link, wire)
    }

    async fn write(wire: &mut Wire, bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| Pin::new(&mut *wire).poll_write(cx, bytes)).await
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_given_up_and_has_not_left() {
        let (_client, link, mut wire) = pair().await;
        let piece = vec![0; 1024 * 1024];
        // From the first write that can't go on, the clock runs ahead by itself.
        tokio::time::pause();
        let error = loop {
            if let Err(error) = write(&mut wire, &piece).await {
                break error;
            }
            assert!(link.was_left());
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(!link.was_left());
    }

    #[tokio::test]
    async fn the_kernel_keeps_little_of_what_nobody_takes() {
        let (_client, _link, mut wire) = pair().await;
        let piece = vec![0; 64 * 1024];
        let mut written = 0;
        tokio::time::pause();
        while let Ok(length) = write(&mut wire, &piece).await {
            written += length;
        }
        // A part of it is in the client's own buffer.
        assert!(written < 512 * 1024, "{written}");
    }

    #[tokio::test]
    async fn a_client_that_takes_a_little_now_and_then_is_given_up_too() {
        let (client, _link, mut wire) = pair().await;
        let piece = vec![0; 1024 * 1024];
        tokio::time::pause();
        let begun = tokio::time::Instant::now();
        let reading = async {
            let mut buffer = vec![0; 512 * 1024];
            loop {
                sleep(Duration::from_secs(10)).await;
                while client.try_read(&mut buffer).is_ok() {}
                // The kernel's own time doesn't run ahead.
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        let writing = async {
            loop {
                if let Err(error) = write(&mut wire, &piece).await {
                    break error;
                }
            }
        };
        let error = tokio::select! {
            error = writing => error,
            () = reading => unreachable!(),
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(
            (100..150).contains(&begun.elapsed().as_secs()),
            "{:?}",
            begun.elapsed()
        );
    }

    #[tokio::test]
    async fn an_undecided_call_keeps_the_place_behind_an_answer_that_nobody_reads() {
        let (_client, link, mut wire) = pair().await;
        let piece = vec![0; 1024 * 1024];
        let choke = async |wire: &mut Wire| loop {
            let written = tokio::time::timeout(Duration::from_millis(1), write(wire, &piece)).await;
            if written.is_err() {
                break;
            }
        };
        tokio::time::pause();
        link.seat().serve();
        let undecided = link.undecided();
        choke(&mut wire).await;
        assert!(!link.seat().is_stalled());
        drop(undecided);
        choke(&mut wire).await;
        assert!(link.seat().is_stalled());
        // And a call that begins behind it has its place back.
        let _undecided = link.undecided();
        assert!(!link.seat().is_stalled());
    }
}
