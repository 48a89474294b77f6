//! What the egress proxy lets through now: one GET through the forward proxy.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::answer::Answer;

const INTROSPECTION_URL: &str = "http://_egress.local/allowlist";
const INTROSPECTION_HOST: &str = "_egress.local";
const TIME_LIMIT: Duration = Duration::from_secs(5);
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The address of a forward proxy: `http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyUrl {
    host: String,
    port: u16,
}

/// The text is not `http://host:port`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not of the form http://host:port")]
pub struct ProxyUrlError;

impl ProxyUrl {
    pub(crate) const DEFAULT: &str = "http://127.0.0.1:9099";
}

impl Default for ProxyUrl {
    fn default() -> Self {
        ProxyUrl {
            host: "127.0.0.1".to_owned(),
            port: 9099,
        }
    }
}

impl FromStr for ProxyUrl {
    type Err = ProxyUrlError;

    fn from_str(text: &str) -> Result<Self, ProxyUrlError> {
        let uri: Uri = text.parse().map_err(|_| ProxyUrlError)?;
        let bare =
            uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/") && uri.query().is_none();
        let authority = uri.authority().filter(|_| bare).ok_or(ProxyUrlError)?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(ProxyUrlError);
        }
        Ok(ProxyUrl {
            host: authority.host().to_owned(),
            port: authority.port_u16().ok_or(ProxyUrlError)?,
        })
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

#[derive(Debug, Error)]
enum LookupError {
    #[error("no answer within {} s", TIME_LIMIT.as_secs())]
    TimedOut(#[from] tokio::time::error::Elapsed),
    #[error("{0}")]
    Connect(#[from] std::io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("{0}")]
    Request(#[from] hyper::http::Error),
    #[error("the proxy answered {0}")]
    Status(StatusCode),
    #[error("the list is over {MAX_BODY_BYTES} bytes or was cut off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the list is not UTF-8")]
    Encoding(#[from] std::string::FromUtf8Error),
}

/// Asks the proxy; what it says is the answer's text, unread.
pub(crate) async fn look_up(proxy: &ProxyUrl) -> Answer {
    let asked = async { timeout(TIME_LIMIT, ask(proxy)).await? };
    match asked.await {
        Ok(text) => Answer::plain(text),
        Err(error) => Answer::error(format!(
            "list-egress-routes: no answer from {INTROSPECTION_URL} through {proxy}: {error}"
        )),
    }
}

async fn ask(proxy: &ProxyUrl) -> Result<String, LookupError> {
    // A literal IPv6 address is bracketed in a URL and bare for the resolver.
    let host = proxy.host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, proxy.port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let response = sender.send_request(request()?).await?;
        if !response.status().is_success() {
            return Err(LookupError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_BODY_BYTES);
        let bytes = body.collect().await.map_err(LookupError::Body)?.to_bytes();
        Ok(String::from_utf8(bytes.into())?)
    };
    // Driven beside the exchange, so that dropping this future closes the connection too.
    tokio::pin!(exchange);
    tokio::select! {
        biased;
        text = &mut exchange => text,
        ended = connection => {
            ended?;
            exchange.await
        }
    }
}

fn request() -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
    Request::get(INTROSPECTION_URL)
        .header(header::HOST, INTROSPECTION_HOST)
        .header(header::CONNECTION, "close")
        .body(Empty::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_host_and_port() {
        for good in [ProxyUrl::DEFAULT, "http://proxy:1/", "http://[::1]:9099"] {
            let url: ProxyUrl = good.parse().unwrap();
            assert_eq!(url.to_string(), good.trim_end_matches('/'));
        }
        assert_eq!(ProxyUrl::DEFAULT.parse(), Ok(ProxyUrl::default()));
        for bad in [
            "",
            "proxy",
            "http://proxy",
            "https://p:1",
            "http://a@p:1",
            "http://p:1/x",
            "http://p:1?x",
        ] {
            assert_eq!(bad.parse::<ProxyUrl>(), Err(ProxyUrlError), "{bad}");
        }
    }
}
