//! What an operator should know before approving a proposal: one risk, one sentence, one function.
//!
//! A risk is advice and blocks nothing. Rows may have been written by any program, so everything here reads
//! the payload leniently and judges it as it stands, not as the tools would have written it.

mod address;
mod base;
mod checks;
mod docker_run;
mod dockerfile;
mod download;
mod host;
mod image;
mod look_alike;
mod route;
mod secret;
mod subject;
mod variables;
mod words;

use serde::Serialize;

pub use host::unicode_form;

use crate::proposal::Proposal;
use crate::routes::Routes;

/// One thing worth knowing about a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Risk {
    /// How bad it may be.
    pub level: Level,
    /// Its stable name, as in [`risk_codes`].
    pub code: &'static str,
    /// One line for a person. What the agent wrote is escaped and shortened, hosts are A-labels, secrets are masked.
    pub text: String,
}

/// How bad a risk may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Good to know.
    Info,
    /// Look twice.
    Warn,
    /// Not without a good reason.
    Danger,
}

/// What a proposal is judged against. What isn't known is left empty, and counts as nothing there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// The live routes of the bottle.
    pub routes: Option<&'a Routes>,
    /// The bottle's live Dockerfile.
    pub dockerfile: Option<&'a str>,
    /// Hosts that an operator has refused to this bottle.
    pub refused_hosts: &'a [String],
    /// Credentials that routes have used before, besides those of the live routes.
    pub known_token_refs: &'a [String],
    /// Whether the last two are all there is to know.
    pub past: Past,
}

/// Whether earlier decisions were looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Past {
    /// They were, or nobody meant to.
    #[default]
    Known,
    /// They could not be read, or not in time.
    Unknown,
}

/// Every risk of `proposal`, the worst first.
///
/// ```
/// use supervise_core::{Context, Level, Proposal, Route, Tool, assess};
/// let payload = Route::new("github.io", vec![], None).unwrap().to_payload();
/// let proposal = Proposal::new(&"dev".parse()?, Tool::EgressAllow, payload, "to read the docs");
/// let risks = assess(&proposal, &Context::default());
/// assert_eq!((risks[0].level, risks[0].code), (Level::Danger, "public-suffix"));
/// # Ok::<(), supervise_core::IdError>(())
/// ```
pub fn assess(proposal: &Proposal, context: &Context<'_>) -> Vec<Risk> {
    let subject = subject::Subject::new(proposal, context);
    let found = checks::CHECKS.iter().filter_map(|check| {
        let text = (check.find)(&subject)?;
        Some(Risk {
            level: check.level,
            code: check.code,
            text,
        })
    });
    let mut risks: Vec<Risk> = found.collect();
    risks.sort_by_key(|risk| std::cmp::Reverse(risk.level));
    risks
}

/// Every code that [`assess`] may give, with its level.
pub fn risk_codes() -> impl Iterator<Item = (&'static str, Level)> {
    checks::CHECKS.iter().map(|check| (check.code, check.level))
}
