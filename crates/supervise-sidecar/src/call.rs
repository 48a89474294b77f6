//! `tools/call`: from checked arguments to an answer, at once or after waiting.

use std::sync::Arc;

use serde_json::{Map, Value};
use supervise_core::{AgentTool, Ask, Call, agent_tool, is_proposal_id};
use supervise_store::{Asked, Checked, Delivery, Hold, StoreError, Withdrawal};
use tokio::sync::oneshot;

use crate::answer::{self, Answer};
use crate::contain::{Panicked, contain};
use crate::exchange::{Caller, Reply, Served, Voice, Waiting};
#[cfg(test)]
use crate::failpoint::{self, Point};
use crate::hold::{End, Held, WhenLeft};
use crate::mcp::Generation;
use crate::metrics::Full;
use crate::routes;
use crate::rpc::{MAX_ID_BYTES, Problem};
use crate::sidecar::Sidecar;

/// Checks one `tools/call`. What is left of the request afterwards is only what the call needs, so whatever
/// reading it took can go before anybody waits.
pub(crate) fn read(
    sidecar: &Arc<Sidecar>,
    caller: Caller,
    voice: Voice,
    params: &Map<String, Value>,
) -> Result<Read, Problem> {
    let tool = tool(params)?;
    let arguments = arguments(params)?;
    let progress_token = progress_token(params)?;
    match (tool.parse)(arguments.unwrap_or(&Map::new())) {
        Ok(call) => {
            let sidecar = Arc::clone(sidecar);
            Ok(Read::Call(
                Run {
                    sidecar,
                    caller,
                    voice,
                    progress_token,
                },
                call,
            ))
        }
        // The modern revision wants the model to see this and try again.
        Err(error) if voice.generation == Generation::Modern => Ok(Read::Served(Served::Ready(
            voice.say(Answer::error(error.to_string())),
        ))),
        Err(error) => Err(Problem::params(error.to_string())),
    }
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

/// What reading a message came to.
pub(crate) enum Read {
    Served(Served),
    /// A call is checked; [`Run::serve`] puts it to the store.
    Call(Run, Call),
}

/// One checked call on its way to an answer.
pub(crate) struct Run {
    sidecar: Arc<Sidecar>,
    caller: Caller,
    voice: Voice,
    progress_token: Option<Value>,
}

/// What the store said to an ask, with the hold already guarded.
enum Heard {
    Held(Held),
    Decided(Delivery),
    Answered(Answer),
}

impl Run {
    /// Puts the call to the store.
    pub(crate) async fn serve(self, call: Call) -> Served {
        let (sidecar, voice) = (Arc::clone(&self.sidecar), self.voice.clone());
        let problem = match contain(self.put(call)).await {
            Ok(Ok(served)) => return served,
            Ok(Err(error)) => sidecar.internal_error(&error),
            Err(Panicked) => sidecar.panicked(),
        };
        Served::Ready(voice.refuse(&problem))
    }

    async fn put(self, call: Call) -> Result<Served, StoreError> {
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
        let (guard, sidecar) = (self.guard(), Arc::clone(&self.sidecar));
        tokio::spawn(async move {
            let asked = contain(async {
                #[cfg(test)]
                failpoint::hit(Point::Ask);
                queue.proposal_ask(ask, limits).await
            });
            let Ok(asked) = asked.await else {
                return sidecar.note_panic();
            };
            let heard = asked.map(|asked| match asked {
                Asked::Held(hold) => {
                    sidecar.metrics.asked(&hold);
                    Heard::Held(guard(hold))
                }
                Asked::Decided(delivery) => Heard::Decided(delivery),
                Asked::RefusedBefore(refusal) => Heard::Answered(answer::refused_before(&refusal)),
                Asked::Refused(limit) => {
                    sidecar.metrics.refused(&limit);
                    Heard::Answered(answer::refused(&limit))
                }
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
            Withdrawal::Withdrawn => {
                self.sidecar.metrics.withdrawn.add_one();
                Heard::Answered(answer::withdrawn(id))
            }
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
            self.sidecar.metrics.full(Full::Lookups);
            let text = "list-egress-routes: other look-ups are under way; call it again in a few seconds";
            return self.say(Answer::error(text));
        };
        let (sidecar, voice) = (Arc::clone(&self.sidecar), self.voice.clone());
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
        #[cfg(test)]
        failpoint::hit(Point::Heard);
        match heard {
            Heard::Held(held) => self.hold(held),
            Heard::Decided(delivery) => {
                let metrics = &self.sidecar.metrics;
                metrics.decided(delivery.answer().response.status);
                Served::Ready(self.voice.deliver(delivery))
            }
            Heard::Answered(answer) => self.say(answer),
        }
    }

    fn hold(self, held: Held) -> Served {
        let voice = self.voice.clone();
        let sidecar = Arc::clone(&self.sidecar);
        let patience = sidecar
            .config
            .patience(self.caller.form, self.progress_token.is_some());
        // Only the legacy revisions have a message that cancels; in the modern one closing is all it takes.
        let call = (voice.generation == Generation::Legacy)
            .then(|| sidecar.calls.register(self.caller.peer(), voice.id.clone()));
        if voice.generation == Generation::Modern {
            self.caller.link.pass_end();
        }
        self.waiting("waiting for the operator's decision", async move {
            match held.end(&sidecar, patience, call).await {
                End::Decided(delivery) => {
                    sidecar.metrics.decided(delivery.answer().response.status);
                    voice.deliver(delivery)
                }
                End::Withdrawn(id) => voice.say(answer::withdrawn(&id)),
                End::Pending(id, why) => voice.say(answer::pending(&id, why)),
                End::StoreGone => voice.refuse(&sidecar.internal_error(&StoreError::Gone)),
            }
        })
    }

    fn waiting(self, doing: &'static str, reply: impl Future<Output = Reply> + Send + 'static) -> Served {
        let (sidecar, voice) = (Arc::clone(&self.sidecar), self.voice.clone());
        let undecided = self.caller.link.undecided();
        let reply = async move {
            let _undecided = undecided;
            let reply = contain(reply).await;
            reply.unwrap_or_else(|Panicked| voice.refuse(&sidecar.panicked()))
        };
        Served::Waiting(Waiting {
            reply: Box::pin(reply),
            progress_token: self.progress_token,
            doing,
        })
    }
}
