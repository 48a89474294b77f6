//! The metrics' own port: one path, on which nothing is asked of anybody.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode, header};

use super::gate;
use super::link::Link;
use super::reply::{self, ReplyResponse};
use super::request::stopped;
use crate::sidecar::Sidecar;

const PATH: &str = "/metrics";

/// Serves one request on the metrics' port.
pub(super) async fn serve(
    sidecar: Arc<Sidecar>,
    link: Arc<Link>,
    request: Request<Incoming>,
) -> ReplyResponse {
    // A body that nobody reads must not be taken for the next request.
    link.end_after_this_answer();
    let headers = request.headers();
    let checked = gate::check_one_host(headers)
        .and_then(|()| gate::check_names(request.uri(), headers, &sidecar.config.allowed_hosts));
    if let Err(stop) = checked {
        return stopped(&link, stop);
    }
    if request.uri().path() != PATH {
        return reply::text(&link, StatusCode::NOT_FOUND, "use GET /metrics\n");
    }
    if request.method() != Method::GET {
        let response = reply::text(&link, StatusCode::METHOD_NOT_ALLOWED, "use GET /metrics\n");
        return reply::with_header(response, header::ALLOW, "GET");
    }
    let usage = sidecar.usage().await;
    reply::page(&link, sidecar.metrics.render(usage))
}
