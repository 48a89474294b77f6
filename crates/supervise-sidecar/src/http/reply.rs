//! Responses, and the body that knows when its bytes carry a decision.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::events::{Event, Events};
use super::link::Link;
use crate::exchange::{Reply, Waiting};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const CLOSE: HeaderValue = HeaderValue::from_static("close");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");

/// The body of every response.
pub(crate) struct ReplyBody {
    content: Content,
    link: Arc<Link>,
}

enum Content {
    Empty,
    Whole(Reply),
    Events(Box<Events>),
}

/// A response with the body described.
pub(super) type ReplyResponse = Response<ReplyBody>;

pub(super) fn json(link: &Arc<Link>, reply: Reply) -> ReplyResponse {
    respond(link, reply.status, Some(JSON), Content::Whole(reply))
}

pub(super) fn text(link: &Arc<Link>, status: StatusCode, text: &'static str) -> ReplyResponse {
    let reply = Reply::new(status, Bytes::from_static(text.as_bytes()));
    respond(link, status, Some(TEXT), Content::Whole(reply))
}

/// A page of metrics.
pub(super) fn page(link: &Arc<Link>, page: String) -> ReplyResponse {
    let reply = Reply::new(StatusCode::OK, page.into());
    respond(link, StatusCode::OK, Some(METRICS), Content::Whole(reply))
}

pub(super) fn accepted(link: &Arc<Link>) -> ReplyResponse {
    respond(link, StatusCode::ACCEPTED, None, Content::Empty)
}

pub(super) fn events(link: &Arc<Link>, waiting: Waiting) -> ReplyResponse {
    let content = Content::Events(Box::new(Events::new(waiting)));
    let response = respond(link, StatusCode::OK, Some(EVENTS), content);
    let response = with_header(response, header::CACHE_CONTROL, "no-store");
    // A proxy that collects the stream would hold back the signs of life.
    with_header(response, HeaderName::from_static("x-accel-buffering"), "no")
}

pub(super) fn with_header(
    mut response: ReplyResponse,
    name: HeaderName,
    value: &'static str,
) -> ReplyResponse {
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
    response
}

fn respond(
    link: &Arc<Link>,
    status: StatusCode,
    content_type: Option<HeaderValue>,
    content: Content,
) -> ReplyResponse {
    // Every response stands for a whole request, also those that were refused at their head.
    link.seat().serve();
    let ends = link.ends_after_this_answer();
    let link = Arc::clone(link);
    let mut response = Response::new(ReplyBody { content, link });
    *response.status_mut() = status;
    if let Some(value) = content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    if ends {
        response.headers_mut().insert(header::CONNECTION, CLOSE);
    }
    response
}

impl ReplyBody {
    fn hand_over(&self, reply: Reply) -> Frame<Bytes> {
        self.link.deliver(reply.parcel);
        Frame::data(reply.body)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = match &mut self.content {
            Content::Empty => None,
            Content::Whole(_) => match std::mem::replace(&mut self.content, Content::Empty) {
                Content::Whole(reply) => Some(self.hand_over(reply)),
                _ => None,
            },
            Content::Events(events) => match ready!(events.poll_next(cx)) {
                None => None,
                Some(Event::SignOfLife(bytes)) => Some(Frame::data(bytes)),
                Some(Event::Answer(reply)) => Some(self.hand_over(reply)),
            },
        };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Empty => true,
            Content::Whole(_) => false,
            Content::Events(events) => events.has_ended(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Whole(reply) => SizeHint::with_exact(reply.body.len() as u64),
            Content::Events(_) => SizeHint::default(),
        }
    }
}

impl Drop for ReplyBody {
    fn drop(&mut self) {
        self.link.answered();
    }
}
