//! An answer that takes its time, as a stream of server-sent events.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::{Instant, Sleep, sleep};

use crate::exchange::{Reply, Waiting};
use crate::rpc::to_json;

/// Between two signs of life. The most impatient client gives up after 60 s.
const INTERVAL: Duration = Duration::from_secs(12);
const COMMENT: &[u8] = b": waiting\n\n";

/// The events of one answer: signs of life, then the answer itself.
pub(super) struct Events {
    waiting: Waiting,
    begun: Instant,
    next: Pin<Box<Sleep>>,
    sent: u64,
    ended: bool,
}

/// What the stream says next.
pub(super) enum Event {
    SignOfLife(Bytes),
    Answer(Reply),
}

impl Events {
    pub(super) fn new(waiting: Waiting) -> Self {
        Events {
            waiting,
            begun: Instant::now(),
            // The first sign comes at once, so that the client knows that its request has arrived.
            next: Box::pin(sleep(Duration::ZERO)),
            sent: 0,
            ended: false,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Poll::Ready(reply) = self.waiting.reply.as_mut().poll(cx) {
            self.ended = true;
            let body = event(&reply.body);
            return Poll::Ready(Some(Event::Answer(Reply { body, ..reply })));
        }
        if self.next.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.next.as_mut().reset(Instant::now() + INTERVAL);
        // Polled once more, so that the timer knows whom to wake.
        let _ = self.next.as_mut().poll(cx);
        self.sent += 1;
        Poll::Ready(Some(Event::SignOfLife(self.sign_of_life())))
    }

    /// A progress event for a caller that asked for progress, else a comment. Neither names the proposal.
    fn sign_of_life(&self) -> Bytes {
        let Some(token) = &self.waiting.progress_token else {
            return Bytes::from_static(COMMENT);
        };
        let message = match self.begun.elapsed().as_secs() {
            0 => self.waiting.doing.to_owned(),
            seconds => format!("{}, {seconds} s", self.waiting.doing),
        };
        event(&to_json(&progress(token, self.sent, &message)))
    }
}

fn progress(token: &Value, progress: u64, message: &str) -> Value {
    json!({
        "jsonrpc": "2.0",
        "method": "notifications/progress",
        "params": {"progressToken": token, "progress": progress, "message": message},
    })
}

/// One event around JSON on one line. It has no id: an id would invite the client to resume, which
/// nobody here could do.
fn event(json: &[u8]) -> Bytes {
    [
        b"event: message\ndata: ".as_slice(),
        json.trim_ascii_end(),
        b"\n\n",
    ]
    .concat()
    .into()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use hyper::StatusCode;

    use super::*;

    fn events(progress_token: Option<Value>, seconds: u64) -> Events {
        let reply = Box::pin(async move {
            sleep(Duration::from_secs(seconds)).await;
            Reply::new(StatusCode::OK, Bytes::from_static(b"{}\n"))
        });
        Events::new(Waiting {
            reply,
            progress_token,
            doing: "waiting",
        })
    }

    async fn next(events: &mut Events) -> Option<String> {
        let event = poll_fn(|cx| events.poll_next(cx)).await?;
        let bytes = match event {
            Event::SignOfLife(bytes) => bytes,
            Event::Answer(reply) => reply.body,
        };
        Some(String::from_utf8(bytes.into()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn progress_rises_every_twelve_seconds_and_ends_with_the_answer() {
        let begun = Instant::now();
        let mut events = events(Some("tok".into()), 30);
        for (seconds, message) in [(0, "waiting"), (12, "waiting, 12 s"), (24, "waiting, 24 s")] {
            let event = next(&mut events).await.unwrap();
            let data = event.strip_prefix("event: message\ndata: ").unwrap();
            let expected = progress(&"tok".into(), seconds / 12 + 1, message);
            assert_eq!(serde_json::from_str::<Value>(data).unwrap(), expected);
            assert_eq!(begun.elapsed().as_secs(), seconds);
        }
        assert_eq!(next(&mut events).await.unwrap(), "event: message\ndata: {}\n\n");
        assert_eq!(begun.elapsed().as_secs(), 30);
        assert!(events.has_ended());
        assert_eq!(next(&mut events).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_token_there_are_comments() {
        let mut events = events(None, 13);
        for _ in 0..2 {
            assert_eq!(next(&mut events).await.unwrap(), ": waiting\n\n");
        }
        assert_eq!(next(&mut events).await.unwrap(), "event: message\ndata: {}\n\n");
    }
}
