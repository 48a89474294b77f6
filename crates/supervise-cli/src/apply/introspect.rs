//! Asking the egress proxy what it lets through: one GET, bounded in time and size, nothing followed.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;

const TIME_LIMIT: Duration = Duration::from_secs(5);
const MAX_BODY_BYTES: usize = 1 << 20;
const HTTP_PORT: u16 = 80;

/// Where the proxy tells its list, as the configuration has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Introspection {
    pub(crate) url: String,
    /// The forward proxy to reach it through.
    pub(crate) proxy: Option<String>,
}

/// Why there is no list to judge by.
#[derive(Debug, Error)]
pub(super) enum Unanswered {
    #[error("no answer within {} s", TIME_LIMIT.as_secs())]
    Late(#[from] tokio::time::error::Elapsed),
    #[error("{0}")]
    Connect(#[from] std::io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("{0}")]
    Request(#[from] hyper::http::Error),
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("its answer is over {MAX_BODY_BYTES} bytes or was cut off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("{0}")]
    Address(&'static str),
}

impl Introspection {
    /// Refuses addresses that can't be asked.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        address(&self.url).ok_or("'introspect' must be an http:// address")?;
        match self.proxy.as_deref().map(address) {
            Some(None) => Err("'proxy' must be http://host:port"),
            Some(Some(proxy)) if !matches!(proxy.path(), "" | "/") => Err("'proxy' must be http://host:port"),
            _ => Ok(()),
        }
    }

    /// The body of a good answer.
    pub(super) async fn ask(&self) -> Result<Bytes, Unanswered> {
        timeout(TIME_LIMIT, self.exchange()).await?
    }

    async fn exchange(&self) -> Result<Bytes, Unanswered> {
        let url = address(&self.url).ok_or(Unanswered::Address("the address is no http:// address"))?;
        let (peer, request) = match &self.proxy {
            Some(proxy) => {
                let proxy = address(proxy).ok_or(Unanswered::Address("the proxy is no http:// address"))?;
                (proxy, request(&url, self.url.as_str())?)
            }
            None => {
                let path = url.path_and_query().map_or("/", |path| path.as_str()).to_owned();
                let request = request(&url, &path)?;
                (url, request)
            }
        };
        let stream = connect(&peer).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let answer = async {
            let response = sender.send_request(request).await?;
            if response.status() != StatusCode::OK {
                return Err(Unanswered::Status(response.status()));
            }
            let body = Limited::new(response.into_body(), MAX_BODY_BYTES);
            Ok(body.collect().await.map_err(Unanswered::Body)?.to_bytes())
        };
        // Driven beside the exchange, so that dropping this future closes the connection too.
        tokio::pin!(answer);
        tokio::select! {
            biased;
            body = &mut answer => body,
            ended = connection => {
                ended?;
                answer.await
            }
        }
    }
}

/// A plain HTTP address without user info.
fn address(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let authority = uri.authority()?;
    let good = uri.scheme_str() == Some("http") && !authority.host().is_empty();
    (good && !authority.as_str().contains('@')).then_some(uri)
}

async fn connect(peer: &Uri) -> std::io::Result<TcpStream> {
    // A literal IPv6 address is bracketed in a URL and bare for the resolver.
    let host = peer.host().unwrap_or_default().trim_matches(['[', ']']);
    TcpStream::connect((host, peer.port_u16().unwrap_or(HTTP_PORT))).await
}

/// A forward proxy is asked for the whole address, a server for the path alone.
fn request(url: &Uri, target: &str) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
    let host = url.authority().map_or("", |authority| authority.as_str());
    Request::get(target)
        .header(header::HOST, host)
        .header(header::ACCEPT, "application/json")
        .header(header::CONNECTION, "close")
        .body(Empty::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(url: &str, proxy: Option<&str>) -> Result<(), &'static str> {
        let (url, proxy) = (url.to_owned(), proxy.map(str::to_owned));
        Introspection { url, proxy }.check()
    }

    #[test]
    fn only_plain_http_is_asked() {
        for good in [
            "http://_egress.local/allowlist",
            "http://127.0.0.1:9",
            "http://[::1]:9/a?b",
        ] {
            assert_eq!(checked(good, None), Ok(()));
            assert_eq!(checked(good, Some("http://127.0.0.1:9099")), Ok(()));
        }
        for bad in [
            "",
            "/allowlist",
            "https://a/b",
            "http://u@a/b",
            "http:///b",
            "file:///etc/passwd",
        ] {
            assert!(checked(bad, None).is_err(), "{bad}");
            assert!(checked("http://a/b", Some(bad)).is_err(), "{bad}");
        }
        assert!(checked("http://a/b", Some("http://a:1/path")).is_err());
    }
}
