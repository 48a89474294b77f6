//! Everything an agent and an operator do together, once.

use std::fs;

use serde_json::{Value, json};

use super::agent::{Agent, Answer, Order};
use super::check::{equal, equal_json, holds, trouble, wait};
use super::container::Container;
use super::operator::{Operator, id};
use super::sidecar::Sidecar;
use super::site::Site;
use crate::command::Failed;

/// Longer than an operator here takes.
const PATIENT: (&str, &str) = ("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", "60");
const HASTY: (&str, &str) = ("SUPERVISE_RESPONSE_TIMEOUT_SECONDS", "1");

struct Cast<'a> {
    site: &'a Site,
    agent: Agent,
    operator: Operator<'a>,
}

pub(super) fn play(site: &Site) -> Result<(), Failed> {
    let egress = run_egress(site)?;
    let sidecar = Sidecar::run(site, &[PATIENT])?;
    let agent = Agent::run(site)?;
    let operator = Operator::of(site);
    let cast = Cast {
        site,
        agent,
        operator,
    };
    cast.health()?;
    cast.approve()?;
    cast.modify()?;
    cast.reject()?;
    cast.capability()?;
    cast.join()?;
    cast.withdraw()?;
    // A bottle whose sidecar is replaced goes on where it was.
    sidecar.0.remove()?;
    let sidecar = Sidecar::run(site, &[HASTY])?;
    cast.time_out()?;
    cast.doctor()?;
    drop(cast);
    sidecar.0.remove()?;
    egress.remove()
}

/// The proxy next door, which reads the routes where the operator's reload command puts them.
pub(super) fn run_egress(site: &Site) -> Result<Container<'_>, Failed> {
    let (container, mut run) = Container::new(site, "egress");
    run.arg("--detach")
        .args(site.names.of("egress"))
        .arg("--volume")
        .arg(format!("{}:/egress:ro", site.egress().display()))
        .arg(site.agent_image())
        .args(["egress", "/egress/in-force.yaml"]);
    site.make(&mut run)?;
    Ok(container)
}

pub(super) fn ask(agent: &Agent, host: &str) -> Result<Order, Failed> {
    let arguments =
        json!({"host": host, "path_allowlist": ["/v1/"], "justification": "the tests read from there"});
    agent.call("egress-allow", &arguments)
}

impl Cast<'_> {
    fn health(&self) -> Result<(), Failed> {
        let said = self
            .agent
            .ask(json!({"do": "request", "method": "GET", "path": "/health"}))?;
        let well = json!({"status": 200, "body": "ok\n"});
        equal_json("GET /health from next door", &said, &well)
    }

    fn approve(&self) -> Result<(), Failed> {
        let held = ask(&self.agent, "api.example.com")?;
        let pending = self.operator.wait_for("api.example.com")?;
        let shown = self.operator.decide(&["show", id(&pending)])?;
        let diff = shown["diff"].as_str().unwrap_or_default();
        holds(
            "show has the change of the routes file",
            diff.contains("+  - host: api.example.com"),
        )?;

        let bound = format!(
            "{}@{}",
            id(&pending),
            pending["digest"].as_str().unwrap_or_default()
        );
        let decided = self.operator.decide(&["approve", &bound])?;
        equal_json("approve: applied", &decided["applied"], &json!(true))?;
        let told = format!("status: approved\napplied: yes\nproposal: {}", id(&pending));
        equal("approved", &held.answer()?, &answer(&told))?;
        let open = self.agent.call("list-egress-routes", &json!({}))?.answer()?;
        holds(
            "the proxy serves the approved route",
            open.text.contains("host: api.example.com"),
        )
    }

    fn modify(&self) -> Result<(), Failed> {
        let held = ask(&self.agent, "data.example.com")?;
        let pending = self.operator.wait_for("data.example.com")?;
        let file = self.site.root().join("edited.json");
        let edited =
            "{\n  \"host\": \"data.example.com\",\n  \"path_allowlist\": [\n    \"/v1/public/\"\n  ]\n}\n";
        fs::write(&file, edited).map_err(trouble("writing an edited proposal"))?;
        self.operator
            .decide(&["modify", id(&pending), "--file", &file.to_string_lossy()])?;
        let told = held.answer()?.text;
        holds("modified: the status", told.starts_with("status: modified\n"))?;
        holds(
            "modified: the final config",
            told.contains(&format!("final config:\n{edited}")),
        )
    }

    fn reject(&self) -> Result<(), Failed> {
        let held = ask(&self.agent, "evil.example.com")?;
        let pending = self.operator.wait_for("evil.example.com")?;
        self.operator
            .decide(&["reject", id(&pending), "--notes", "use the mirror"])?;
        let told = held.answer()?;
        holds("rejected is an error", told.is_error)?;
        let notes = told.text.starts_with("status: rejected\nnotes: use the mirror\n");
        holds("rejected: status and notes", notes)
    }

    /// Nothing is configured to be applied, and the agent is told so.
    fn capability(&self) -> Result<(), Failed> {
        let arguments = json!({"dockerfile": "FROM debian:13\n", "justification": "jq is missing"});
        let held = self.agent.call("capability-block", &arguments)?;
        let pending = wait("the Dockerfile", || Ok(self.operator.list()?.pop()))?;
        self.operator.decide(&["approve", id(&pending)])?;
        let told = format!("status: approved\napplied: no\nproposal: {}", id(&pending));
        equal("a Dockerfile is approved", &held.answer()?, &answer(&told))
    }

    fn join(&self) -> Result<(), Failed> {
        let first = ask(&self.agent, "joined.example.com")?;
        let pending = self.operator.wait_for("joined.example.com")?;
        let second = ask(&self.agent, "joined.example.com")?;
        wait("the second ask", || {
            let pending = self.operator.list()?;
            Ok(pending
                .first()
                .filter(|only| only["joined"] == json!(1))
                .map(|_| ()))
        })?;
        equal(
            "identical asks make one proposal",
            &self.operator.list()?.len(),
            &1,
        )?;
        self.operator.decide(&["approve", id(&pending)])?;
        equal(
            "both callers are told the same",
            &first.answer()?,
            &second.answer()?,
        )
    }

    fn withdraw(&self) -> Result<(), Failed> {
        let held = ask(&self.agent, "withdrawn.example.com")?;
        let pending = self.operator.wait_for("withdrawn.example.com")?;
        let arguments = json!({"proposal_id": id(&pending)});
        let withdrawn = self.agent.call("withdraw-proposal", &arguments)?.answer()?;
        holds(
            "withdraw-proposal is obeyed",
            withdrawn.text.starts_with("status: withdrawn"),
        )?;
        holds(
            "the held call ends with it",
            held.answer()?.text.starts_with("status: withdrawn"),
        )?;
        self.operator.run(&["approve", id(&pending)])?.expect(4)?;
        holds("approving it then ends with exit 4", true)
    }

    fn time_out(&self) -> Result<(), Failed> {
        let told = ask(&self.agent, "slow.example.com")?.answer()?;
        let late = "status: pending\nnotes: operator response timed out after 1s; proposal remains queued\n";
        holds("nobody came: the answer is pending", told.text.starts_with(late))?;
        let pending = self.operator.wait_for("slow.example.com")?;
        let undelivered = self.agent.call("check-proposal", &json!({}))?.answer()?;
        let line = format!("{} egress-allow pending", id(&pending));
        holds("check-proposal lists it", undelivered.text.contains(&line))?;
        self.operator.decide(&["approve", id(&pending)])?;
        let told = check(&self.agent, &pending)?;
        holds(
            "check-proposal brings the decision",
            told.text.starts_with("status: approved\n"),
        )
    }

    fn doctor(&self) -> Result<(), Failed> {
        self.operator.run(&["doctor"])?.expect(0)?;
        let entries = self.operator.decide(&["audit", "list"])?;
        equal("audit entries", &entries.as_array().map_or(0, Vec::len), &6)
    }
}

pub(super) fn check(agent: &Agent, proposal: &Value) -> Result<Answer, Failed> {
    let arguments = json!({"proposal_id": id(proposal)});
    agent.call("check-proposal", &arguments)?.answer()
}

fn answer(text: &str) -> Answer {
    Answer {
        text: text.to_owned(),
        is_error: false,
    }
}
