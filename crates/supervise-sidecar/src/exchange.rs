//! Who asks, and how an answer finds its way back.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hyper::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use supervise_store::Delivery;

use crate::answer::{self, Answer};
use crate::http::Link;
use crate::mcp::{Generation, server_meta};
use crate::rpc::{self, Id, Problem};

/// Who is asking, and what it can bear.
pub(crate) struct Caller {
    pub(crate) link: Arc<Link>,
    pub(crate) form: Form,
}

/// The form in which a caller can take an answer that is a while in coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON, after silence.
    Json,
    /// A stream of events.
    Events,
}

impl Caller {
    pub(crate) fn peer(&self) -> IpAddr {
        self.link.peer()
    }
}

/// One whole answer.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// The decision it carries, to be confirmed once the answer is written.
    pub(crate) parcel: Option<Parcel>,
}

/// A decision on its way.
pub(crate) struct Parcel {
    pub(crate) delivery: Delivery,
    pub(crate) noticed_at: Instant,
}

impl Reply {
    pub(crate) fn new(status: StatusCode, body: Bytes) -> Self {
        Reply {
            status,
            body,
            parcel: None,
        }
    }

    /// A result that is JSON already.
    pub(crate) fn result(id: &Id, result: &[u8]) -> Self {
        Reply::new(StatusCode::OK, rpc::result(id, result))
    }
}

/// How a message is served.
pub(crate) enum Served {
    /// It was a notification.
    Accepted,
    /// The answer is there.
    Ready(Reply),
    /// The answer will come.
    Waiting(Waiting),
}

/// An answer that will come. Dropping it ends the call.
pub(crate) struct Waiting {
    pub(crate) reply: Pin<Box<dyn Future<Output = Reply> + Send>>,
    /// The token under which the caller wants to hear of progress.
    pub(crate) progress_token: Option<Value>,
    /// What is going on, in a few words.
    pub(crate) doing: &'static str,
}

/// The generation and the id that an answer has to be written for.
#[derive(Clone)]
pub(crate) struct Voice {
    pub(crate) generation: Generation,
    pub(crate) id: Id,
}

#[derive(Serialize)]
struct ToolResult<'a> {
    content: [Value; 1],
    #[serde(rename = "isError")]
    is_error: bool,
    #[serde(rename = "resultType", skip_serializing_if = "Option::is_none")]
    result_type: Option<&'a str>,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    meta: Option<Value>,
}

impl Voice {
    pub(crate) fn new(generation: Generation, id: Id) -> Self {
        Voice { generation, id }
    }

    pub(crate) fn say(&self, answer: Answer) -> Reply {
        let modern = self.generation == Generation::Modern;
        let result = ToolResult {
            content: [json!({"type": "text", "text": answer.text})],
            is_error: answer.is_error,
            result_type: modern.then_some("complete"),
            meta: modern.then(server_meta),
        };
        Reply::result(&self.id, &rpc::to_json(&result))
    }

    pub(crate) fn deliver(&self, delivery: Delivery) -> Reply {
        let reply = self.say(answer::decided(delivery.answer()));
        Reply {
            parcel: Some(Parcel {
                delivery,
                noticed_at: Instant::now(),
            }),
            ..reply
        }
    }

    pub(crate) fn refuse(&self, problem: &Problem) -> Reply {
        self.generation.refuse(&self.id, problem)
    }
}
