//! `tools/call`: from checked arguments to an answer, at once or after waiting.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};
use supervise_core::{AgentTool, Ask, Call, agent_tool, is_proposal_id};
use supervise_store::{Asked, Checked, Delivery, Hold, StoreError, Withdrawal};
use tokio::sync::oneshot;

use crate::answer::{self, Answer};
use crate::hold::{End, Held, WhenLeft};
use crate::http::Link;
use crate::mcp::{Generation, server_meta};
use crate::routes;
use crate::rpc::{self, Id, MAX_ID_BYTES, Problem};
use crate::sidecar::Sidecar;

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
    pub(crate) delivery: Option<Delivery>,
}

impl Reply {
    pub(crate) fn new(status: StatusCode, body: Bytes) -> Self {
        Reply {
            status,
            body,
            delivery: None,
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

    fn say(&self, answer: Answer) -> Reply {
        let modern = self.generation == Generation::Modern;
        let result = ToolResult {
            content: [json!({"type": "text", "text": answer.text})],
            is_error: answer.is_error,
            result_type: modern.then_some("complete"),
            meta: modern.then(server_meta),
        };
        Reply::result(&self.id, &rpc::to_json(&result))
    }

    fn deliver(&self, delivery: Delivery) -> Reply {
        let reply = self.say(answer::decided(delivery.answer()));
        Reply {
            delivery: Some(delivery),
            ..reply
        }
    }

    fn refuse(&self, problem: &Problem) -> Reply {
        self.generation.refuse(&self.id, problem)
    }
}

/// Serves one `tools/call`.
pub(crate) async fn serve(
    sidecar: &Arc<Sidecar>,
    caller: &Caller,
    voice: Voice,
    params: &Map<String, Value>,
) -> Result<Served, Problem> {
    let tool = tool(params)?;
    let arguments = arguments(params)?;
    let progress_token = progress_token(params)?;
    let call = match (tool.parse)(arguments.unwrap_or(&Map::new())) {
        Ok(call) => call,
        // The modern revision wants the model to see this and try again.
        Err(error) if voice.generation == Generation::Modern => {
            return Ok(Served::Ready(voice.say(Answer::error(error.to_string()))));
        }
        Err(error) => return Err(Problem::params(error.to_string())),
    };
    let run = Run {
        sidecar,
        caller,
        voice,
        progress_token,
    };
    run.call(call)
        .await
        .map_err(|error| sidecar.internal_error(&error))
}

fn tool(params: &Map<String, Value>) -> Result<&'static AgentTool, Problem> {
    let name = params.get("name").and_then(Value::as_str);
    let name = name.ok_or_else(|| Problem::params("params.name must be a string"))?;
    agent_tool(name).ok_or_else(|| {
        let short: String = name.chars().take(100).collect();
        Problem::params(format!("unknown tool: {short}"))
    })
}

fn arguments(params: &Map<String, Value>) -> Result<Option<&Map<String, Value>>, Problem> {
    match params.get("arguments") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(arguments)) => Ok(Some(arguments)),
        Some(_) => Err(Problem::params("params.arguments must be an object")),
    }
}

fn progress_token(params: &Map<String, Value>) -> Result<Option<Value>, Problem> {
    let token = params.get("_meta").and_then(|meta| meta.get("progressToken"));
    match token {
        None | Some(Value::Null) => Ok(None),
        Some(token @ (Value::String(_) | Value::Number(_))) if token.to_string().len() <= MAX_ID_BYTES => {
            Ok(Some(token.clone()))
        }
        Some(Value::String(_) | Value::Number(_)) => {
            Err(Problem::params("the progress token is longer than 256 bytes"))
        }
        Some(_) => Err(Problem::params("the progress token must be a string or a number")),
    }
}

/// One checked call on its way to an answer.
struct Run<'a> {
    sidecar: &'a Arc<Sidecar>,
    caller: &'a Caller,
    voice: Voice,
    progress_token: Option<Value>,
}

/// What the store said to an ask, with the hold already guarded.
enum Heard {
    Held(Held),
    Decided(Delivery),
    Answered(Answer),
}

impl Run<'_> {
    async fn call(self, call: Call) -> Result<Served, StoreError> {
        match call {
            Call::Propose(ask) => self.propose(ask).await,
            Call::ListRoutes => Ok(self.list_routes()),
            Call::Check { proposal_id: None } => self.list_undelivered().await,
            Call::Check {
                proposal_id: Some(id),
            } => self.check(&id).await,
            Call::Withdraw { proposal_id } => self.withdraw(&proposal_id).await,
        }
    }

    async fn propose(self, ask: Ask) -> Result<Served, StoreError> {
        let heard = self.ask(ask).await?;
        Ok(self.heard(heard))
    }

    /// Asks from a task of its own: a caller that leaves half-way must not leave a hold behind that
    /// nobody can cancel.
    async fn ask(&self, ask: Ask) -> Result<Heard, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let (queue, limits) = (self.sidecar.queue.clone(), self.sidecar.config.limits);
        let guard = self.guard();
        tokio::spawn(async move {
            let heard = queue.proposal_ask(ask, limits).await.map(|asked| match asked {
                Asked::Held(hold) => Heard::Held(guard(hold)),
                Asked::Decided(delivery) => Heard::Decided(delivery),
                Asked::Refused(limit) => Heard::Answered(answer::refused(&limit)),
            });
            // Nobody there any more: dropping it is the guard's business.
            let _ = sender.send(heard);
        });
        receiver.await.unwrap_or(Err(StoreError::Gone))
    }

    fn guard(&self) -> impl FnOnce(Hold) -> Held + Send + use<> {
        let link = Arc::clone(&self.caller.link);
        let when_left = match self.voice.generation {
            Generation::Modern => WhenLeft::Cancel,
            Generation::Legacy => WhenLeft::Keep,
        };
        move |hold| Held::new(hold, when_left, link)
    }

    async fn check(self, id: &str) -> Result<Served, StoreError> {
        if !is_proposal_id(id) {
            return Ok(self.say(answer::unknown(id)));
        }
        let heard = match self.sidecar.queue.proposal_check(id).await? {
            Checked::Held(hold) => Heard::Held(self.guard()(hold)),
            Checked::Decided(delivery) => Heard::Decided(delivery),
            Checked::Withdrawn => Heard::Answered(answer::withdrawn(id)),
            Checked::Unknown => Heard::Answered(answer::unknown(id)),
        };
        Ok(self.heard(heard))
    }

    async fn withdraw(self, id: &str) -> Result<Served, StoreError> {
        if !is_proposal_id(id) {
            return Ok(self.say(answer::unknown(id)));
        }
        let heard = match self.sidecar.queue.proposal_withdraw(id).await? {
            Withdrawal::Withdrawn => Heard::Answered(answer::withdrawn(id)),
            Withdrawal::BeingDecided => Heard::Answered(answer::pending(id, answer::Pending::BeingDecided)),
            Withdrawal::Decided(delivery) => Heard::Decided(delivery),
            Withdrawal::Unknown => Heard::Answered(answer::unknown(id)),
        };
        Ok(self.heard(heard))
    }

    async fn list_undelivered(self) -> Result<Served, StoreError> {
        let list = self.sidecar.queue.proposal_undelivered().await?;
        Ok(self.say(answer::undelivered(&list)))
    }

    fn list_routes(self) -> Served {
        let Ok(turn) = Arc::clone(&self.sidecar.lookups).try_acquire_owned() else {
            let text = "list-egress-routes: other look-ups are under way; call it again in a few seconds";
            return self.say(Answer::error(text));
        };
        let (sidecar, voice) = (Arc::clone(self.sidecar), self.voice.clone());
        self.waiting("asking the egress proxy", async move {
            let _turn = turn;
            tokio::select! {
                answer = routes::look_up(&sidecar.config.egress_proxy) => voice.say(answer),
                () = sidecar.stopping() => voice.say(Answer::error("list-egress-routes: the sidecar is stopping")),
            }
        })
    }

    fn say(&self, answer: Answer) -> Served {
        Served::Ready(self.voice.say(answer))
    }

    fn heard(self, heard: Heard) -> Served {
        match heard {
            Heard::Held(held) => self.hold(held),
            Heard::Decided(delivery) => Served::Ready(self.voice.deliver(delivery)),
            Heard::Answered(answer) => self.say(answer),
        }
    }

    fn hold(self, held: Held) -> Served {
        let voice = self.voice.clone();
        let sidecar = Arc::clone(self.sidecar);
        let patience = sidecar
            .config
            .patience(self.caller.form, self.progress_token.is_some());
        // Only the legacy revisions have a message that cancels.
        let call = (voice.generation == Generation::Legacy)
            .then(|| sidecar.calls.register(self.caller.peer(), voice.id.clone()));
        self.waiting("waiting for the operator's decision", async move {
            match held.end(&sidecar, patience, call).await {
                End::Decided(delivery) => voice.deliver(delivery),
                End::Withdrawn(id) => voice.say(answer::withdrawn(&id)),
                End::Pending(id, why) => voice.say(answer::pending(&id, why)),
                End::StoreGone => voice.refuse(&sidecar.internal_error(&StoreError::Gone)),
            }
        })
    }

    fn waiting(self, doing: &'static str, reply: impl Future<Output = Reply> + Send + 'static) -> Served {
        Served::Waiting(Waiting {
            reply: Box::pin(reply),
            progress_token: self.progress_token,
            doing,
        })
    }
}
