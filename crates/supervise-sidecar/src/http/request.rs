//! One request: what may pass, where it goes, and in which form the answer comes back.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, StatusCode, header};
use supervise_core::SafeLine;
use tokio::time::timeout;

use super::body::{self, Body, BodyError};
use super::gate::{self, Stop};
use super::link::Link;
use super::reply::{self, ReplyResponse};
use crate::call::Read;
use crate::contain::{Panicked, contain};
use crate::exchange::{Caller, Form, Served, Waiting};
#[cfg(test)]
use crate::failpoint::{self, Point};
use crate::log::shortened;
use crate::mcp::{self, Generation};
use crate::metrics::{Full, Rejected};
use crate::rpc::Id;
use crate::sidecar::Sidecar;

/// An answer that is there by then needs no event stream.
const FAST: Duration = Duration::from_millis(200);

/// What reading a request came to.
enum Received {
    Response(ReplyResponse),
    Waiting(Form, Waiting),
}

/// Serves one request.
pub(super) async fn serve(
    sidecar: Arc<Sidecar>,
    link: Arc<Link>,
    request: Request<Incoming>,
) -> ReplyResponse {
    link.begin_request().await;
    let line = sidecar.config.debug.then(|| line(&request));
    let generation = Generation::of_head(request.headers());
    let response = match contain(answer(&sidecar, &link, request)).await {
        Ok(response) => response,
        // What was asked is lost, and with it the id.
        Err(Panicked) => reply::json(&link, generation.refuse(&Id::null(), &sidecar.panicked())),
    };
    if let Some(line) = line {
        tracing::info!(peer = %link.peer(), %line, status = response.status().as_u16(), "request");
    }
    response
}

async fn answer(sidecar: &Arc<Sidecar>, link: &Arc<Link>, request: Request<Incoming>) -> ReplyResponse {
    // Boxed: a held call lives for minutes and needs nothing of what reading it took.
    match Box::pin(receive(sidecar, link, request)).await {
        Received::Response(response) => response,
        Received::Waiting(Form::Json, waiting) => reply::json(link, waiting.reply.await),
        Received::Waiting(Form::Events, waiting) => stream(link, waiting).await,
    }
}

fn line(request: &Request<Incoming>) -> SafeLine {
    shortened(&format!("{} {}", request.method(), request.uri().path()))
}

async fn receive(sidecar: &Arc<Sidecar>, link: &Arc<Link>, request: Request<Incoming>) -> Received {
    if let Some(response) = turn_away(sidecar, link, &request) {
        return Received::Response(response);
    }
    if is_health(&request) {
        return Received::Response(health(sidecar, link).await);
    }
    let (parts, body) = request.into_parts();
    let form = form(&parts.headers);
    let read = match body::read(&parts.headers, body, &sidecar.bodies).await {
        Ok(body) => message(sidecar, link, form, &parts.headers, &body),
        Err(error) => return Received::Response(no_body(link, error)),
    };
    // The head's values are pieces of the connection's read buffer: gone, it is used again.
    drop(parts);
    let served = match read {
        Read::Served(served) => served,
        Read::Call(run, call) => run.serve(call).await,
    };
    match served {
        Served::Accepted => Received::Response(reply::accepted(link)),
        Served::Ready(reply) => Received::Response(reply::json(link, reply)),
        Served::Waiting(waiting) => Received::Waiting(form, waiting),
    }
}

/// The answer to a request that its head alone rules out.
fn turn_away(sidecar: &Sidecar, link: &Arc<Link>, request: &Request<Incoming>) -> Option<ReplyResponse> {
    let headers = request.headers();
    if headers.contains_key(header::TRANSFER_ENCODING) {
        // Where chunks end only the library knows, so nothing may follow them on this connection.
        link.end_after_this_answer();
    }
    if link.has_ambiguous_length() {
        link.end_after_this_answer();
        link.metrics().rejected(Rejected::Malformed);
        let text = "one Content-Length in plain digits required, or Transfer-Encoding alone\n";
        return Some(reply::text(link, StatusCode::BAD_REQUEST, text));
    }
    if let Err(stop) = gate::check_one_host(headers) {
        return Some(stopped(link, stop));
    }
    if is_health(request) {
        return None;
    }
    if link.seat().is_overflow() {
        return Some(no_room(link));
    }
    if let Err(stop) = gate::check_names(request.uri(), headers, &sidecar.config.allowed_hosts) {
        return Some(stopped(link, stop));
    }
    if request.method() != Method::POST {
        link.metrics().rejected(Rejected::Method);
    }
    (request.method() != Method::POST).then(|| not_allowed(link, request.method()))
}

fn is_health(request: &Request<Incoming>) -> bool {
    let path = request.uri().path_and_query();
    request.method() == Method::GET && path.is_some_and(|path| path == "/health")
}

async fn health(sidecar: &Sidecar, link: &Arc<Link>) -> ReplyResponse {
    if sidecar.is_well().await {
        reply::text(link, StatusCode::OK, "ok\n")
    } else {
        reply::text(link, StatusCode::SERVICE_UNAVAILABLE, "store unavailable\n")
    }
}

fn no_room(link: &Arc<Link>) -> ReplyResponse {
    link.metrics().full(Full::Connections);
    link.end_after_this_answer();
    let response = reply::text(link, StatusCode::SERVICE_UNAVAILABLE, "too many connections\n");
    reply::with_header(response, header::RETRY_AFTER, "1")
}

pub(super) fn stopped(link: &Arc<Link>, stop: Stop) -> ReplyResponse {
    link.metrics().rejected(match stop {
        Stop::NoHost | Stop::WrongHost => Rejected::Host,
        Stop::WrongOrigin => Rejected::Origin,
    });
    let (status, text) = match stop {
        Stop::NoHost => (StatusCode::BAD_REQUEST, "exactly one Host required\n"),
        Stop::WrongHost => (StatusCode::FORBIDDEN, "Host not allowed\n"),
        Stop::WrongOrigin => (StatusCode::FORBIDDEN, "Origin not allowed\n"),
    };
    reply::text(link, status, text)
}

fn not_allowed(link: &Arc<Link>, method: &Method) -> ReplyResponse {
    let text = match *method {
        Method::GET => "use POST for MCP requests\n",
        _ => "method not allowed\n",
    };
    let response = reply::text(link, StatusCode::METHOD_NOT_ALLOWED, text);
    reply::with_header(response, header::ALLOW, "POST")
}

/// Reads the message in a body. The body ends behind it, and with it its share of the budget: a call needs
/// neither.
fn message(sidecar: &Arc<Sidecar>, link: &Arc<Link>, form: Form, headers: &HeaderMap, body: &Body) -> Read {
    link.seat().serve();
    link.owe_this();
    #[cfg(test)]
    failpoint::hit(Point::Request);
    let caller = Caller {
        link: Arc::clone(link),
        form,
    };
    mcp::read(sidecar, caller, headers, &body.bytes)
}

fn no_body(link: &Arc<Link>, error: BodyError) -> ReplyResponse {
    let (status, text) = match error {
        BodyError::LengthRequired => (StatusCode::LENGTH_REQUIRED, "Content-Length required\n"),
        BodyError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "request body too large\n"),
        BodyError::TimedOut => (StatusCode::REQUEST_TIMEOUT, "request body took too long\n"),
        BodyError::Broken => (StatusCode::BAD_REQUEST, "request body is broken\n"),
    };
    // Without a length there is no body, so the next request may follow; otherwise a body is left over.
    if error != BodyError::LengthRequired {
        link.end_after_this_answer();
    }
    reply::text(link, status, text)
}

/// An answer that comes fast is plain JSON, any other a stream of events.
async fn stream(link: &Arc<Link>, mut waiting: Waiting) -> ReplyResponse {
    match timeout(FAST, &mut waiting.reply).await {
        Ok(reply) => reply::json(link, reply),
        Err(_) => reply::events(link, waiting),
    }
}

/// The form the caller can read. Only who names event streams in Accept gets one: a wildcard is what
/// clients send that expect JSON.
fn form(headers: &HeaderMap) -> Form {
    let values = headers.get_all(header::ACCEPT).iter();
    let mut types = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|part| part.split(';').next().unwrap_or_default().trim());
    if types.any(|media_type| media_type.eq_ignore_ascii_case("text/event-stream")) {
        Form::Events
    } else {
        Form::Json
    }
}
