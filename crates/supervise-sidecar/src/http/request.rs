//! One request: what may pass, where it goes, and in which form the answer comes back.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, StatusCode, header};
use tokio::time::timeout;

use super::body::{self, BodyError};
use super::gate::{self, Stop};
use super::link::Link;
use super::reply::{self, ReplyResponse};
use crate::call::{Caller, Served, Waiting};
use crate::mcp;
use crate::sidecar::Sidecar;

/// An answer that is there by then needs no event stream.
const FAST: Duration = Duration::from_millis(200);

/// Serves one request.
pub(super) async fn serve(
    sidecar: Arc<Sidecar>,
    link: Arc<Link>,
    request: Request<Incoming>,
) -> ReplyResponse {
    let line = sidecar
        .config
        .debug
        .then(|| (request.method().clone(), request.uri().path().to_owned()));
    let response = route(&sidecar, &link, request).await;
    if let Some((method, path)) = line {
        let path = supervise_core::SafeLine::new(&path);
        tracing::info!(peer = %link.peer(), %method, %path, status = response.status().as_u16(), "request");
    }
    response
}

async fn route(sidecar: &Arc<Sidecar>, link: &Arc<Link>, request: Request<Incoming>) -> ReplyResponse {
    let headers = request.headers();
    let chunked = headers.contains_key(header::TRANSFER_ENCODING);
    if chunked && link.has_ambiguous_length() {
        let text = "Content-Length and Transfer-Encoding exclude each other\n";
        return reply::last(reply::text(link, StatusCode::BAD_REQUEST, text));
    }
    if let Err(stop) = gate::check_one_host(headers) {
        return stopped(link, stop);
    }
    if request.method() == Method::GET
        && request
            .uri()
            .path_and_query()
            .is_some_and(|path| path == "/health")
    {
        return health(sidecar, link).await;
    }
    if link.seat().is_overflow() {
        return no_room(link);
    }
    if let Err(stop) = gate::check_names(request.uri(), headers, &sidecar.config.allowed_hosts) {
        return stopped(link, stop);
    }
    if request.method() != Method::POST {
        return not_allowed(link, request.method());
    }
    let response = post(sidecar, link, request).await;
    // Where chunks end only the library knows, so nothing may follow them on this connection.
    if chunked { reply::last(response) } else { response }
}

async fn health(sidecar: &Sidecar, link: &Arc<Link>) -> ReplyResponse {
    if sidecar.is_well().await {
        reply::text(link, StatusCode::OK, "ok\n")
    } else {
        reply::text(link, StatusCode::SERVICE_UNAVAILABLE, "store unavailable\n")
    }
}

fn no_room(link: &Arc<Link>) -> ReplyResponse {
    let response = reply::text(link, StatusCode::SERVICE_UNAVAILABLE, "too many connections\n");
    reply::last(reply::with_header(response, header::RETRY_AFTER, "1"))
}

fn stopped(link: &Arc<Link>, stop: Stop) -> ReplyResponse {
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

async fn post(sidecar: &Arc<Sidecar>, link: &Arc<Link>, request: Request<Incoming>) -> ReplyResponse {
    let headers = request.headers().clone();
    let body = match body::read(request, &sidecar.bodies).await {
        Ok(body) => body,
        Err(error) => return no_body(link, error),
    };
    link.seat().serve();
    let caller = Caller {
        link: Arc::clone(link),
        events: reads_events(&headers),
    };
    let served = mcp::serve(sidecar, &caller, &headers, &body.bytes).await;
    // A held call must hold neither the bytes nor their share of the budget.
    drop((body, headers));
    match served {
        Served::Accepted => reply::accepted(link),
        Served::Ready(reply) => reply::json(link, reply),
        Served::Waiting(waiting) if caller.events => stream(link, waiting).await,
        Served::Waiting(waiting) => reply::json(link, waiting.reply.await),
    }
}

fn no_body(link: &Arc<Link>, error: BodyError) -> ReplyResponse {
    let (status, text) = match error {
        BodyError::LengthRequired => (StatusCode::LENGTH_REQUIRED, "Content-Length required\n"),
        BodyError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "request body too large\n"),
        BodyError::TimedOut => (StatusCode::REQUEST_TIMEOUT, "request body took too long\n"),
        BodyError::Broken => (StatusCode::BAD_REQUEST, "request body is broken\n"),
    };
    let response = reply::text(link, status, text);
    match error {
        // Without a length there is no body, so the next request may follow.
        BodyError::LengthRequired => response,
        _ => reply::last(response),
    }
}

/// An answer that comes fast is plain JSON, any other a stream of events.
async fn stream(link: &Arc<Link>, mut waiting: Waiting) -> ReplyResponse {
    match timeout(FAST, &mut waiting.reply).await {
        Ok(reply) => reply::json(link, reply),
        Err(_) => reply::events(link, waiting),
    }
}

/// Whether Accept names event streams. A wildcard doesn't: it is what clients send that expect JSON.
fn reads_events(headers: &HeaderMap) -> bool {
    let values = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| {
        let media_type = part.split(';').next().unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case("text/event-stream")
    })
}
