//! The demonstration's agent: a few MCP requests over plain HTTP, as any client sends them.

use std::net::SocketAddr;

use serde_json::{Value, json};
use supervise_core::SafeLine;
use tokio::io::{self, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::error::CliError;
use crate::ui::line;

const PROTOCOL: &str = "2025-11-25";

/// An agent that knows where its sidecar is.
pub(super) struct Agent {
    sidecar: SocketAddr,
}

impl Agent {
    pub(super) fn new(sidecar: SocketAddr) -> Self {
        Agent { sidecar }
    }

    /// Introduces itself and returns the names of the tools it may call.
    pub(super) async fn connect(&self) -> Result<Vec<String>, CliError> {
        let hello = json!({
            "protocolVersion": PROTOCOL, "capabilities": {},
            "clientInfo": {"name": "demo-agent", "version": env!("CARGO_PKG_VERSION")},
        });
        self.request("initialize", hello).await?;
        let tools = self.request("tools/list", json!({})).await?;
        let names = tools["tools"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|tool| tool["name"].as_str());
        Ok(names.map(str::to_owned).collect())
    }

    /// Asks for a route and waits, as long as it takes, for what it is told.
    pub(super) async fn ask_for_egress(&self) -> Result<String, CliError> {
        let call = json!({
            "name": "egress-allow",
            "arguments": {
                "host": "api.example.com", "path_allowlist": ["/v1/"],
                "justification": "The integration tests fetch their fixtures from this API; \
                                  the proxy answered 403 for GET /v1/fixtures.",
            },
        });
        let result = self.request("tools/call", call).await?;
        Ok(result["content"][0]["text"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    async fn request(&self, method: &'static str, params: Value) -> Result<Value, CliError> {
        let failed = || CliError::failed(line!["the sidecar did not answer ", method]);
        let body = json!({"jsonrpc": "2.0", "id": method, "method": method, "params": params}).to_string();
        let answer = self
            .post(&body)
            .await
            .map_err(|source| failed().because(source))?;
        let json = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let mut message: Value = serde_json::from_str(json).map_err(|source| failed().because(source))?;
        match message["result"].take() {
            Value::Null => {
                let answer = SafeLine::new(&message.to_string());
                Err(CliError::failed(line![
                    "the sidecar refused ",
                    method,
                    ": ",
                    answer
                ]))
            }
            result => Ok(result),
        }
    }

    /// One request on a connection of its own, so that the answer ends where the connection does.
    async fn post(&self, body: &str) -> io::Result<String> {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nAccept: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.sidecar,
            body.len(),
        );
        let mut stream = TcpStream::connect(self.sidecar).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}
