//! Types, rules and safe text shared by everything that speaks to supervise.
//!
//! An agent in a locked-down container asks for something it lacks; the request is a [`Proposal`], the
//! operator's decision a [`Response`], and every decision leaves an [`AuditEntry`]. This crate defines
//! those three, the [catalogue](agent_tools) of tools that make proposals, the rules for what they may ask,
//! and the only way agent text may be shown to a person ([`SafeText`]).
//!
//! It does no input or output, knows no database and no async runtime: a launcher, a proxy or a scanner
//! can depend on it for the price of a JSON parser.
//!
//! ```
//! use supervise_core::{Proposal, Slug, Tool, render_diff};
//!
//! let slug: Slug = "dev".parse()?;
//! let proposal = Proposal::new(&slug, Tool::CapabilityBlock, "FROM debian:13\n", "the build needs it");
//! assert_eq!(proposal.digest().to_string().len(), 64);
//! assert!(render_diff("", &proposal.proposed_file, "Dockerfile").ends_with("+FROM debian:13"));
//! # Ok::<(), supervise_core::IdError>(())
//! ```
#![warn(missing_docs)]

mod audit;
mod catalogue;
mod diff;
mod digest;
mod field;
mod host;
mod ids;
mod path_prefix;
mod paths;
mod proposal;
mod response;
#[cfg(feature = "operator")]
mod risk;
mod route;
#[cfg(feature = "operator")]
mod routes;
mod secret;
mod text;
mod timestamp;
mod tool;
mod tools;

pub use audit::{ACTION_APPLY_FAILED, ACTION_OPERATOR_EDIT, AuditEntry};
pub use catalogue::{
    AgentTool, Annotations, ArgumentError, Ask, Call, DaemonTool, MAX_JUSTIFICATION_CHARS, agent_tool,
    agent_tools, daemon_tool, daemon_tools,
};
pub use diff::{render_diff, render_diff_until};
pub use digest::{Digest, FieldHasher, sha256_hex};
pub use field::FieldError;
pub use host::{HostError, normalize_host};
pub use ids::{IdError, Slug, is_proposal_id};
pub use path_prefix::{PathPrefixError, check_path_prefix};
pub use paths::{AGENT_DOCKERFILE, Plan, QUEUE_DB_FILENAME, QUEUE_DIR_IN_CONTAINER, Root};
pub use proposal::Proposal;
pub use response::{Response, Status};
#[cfg(feature = "operator")]
pub use risk::{Context, Level, Past, Risk, assess, risk_codes, unicode_form};
pub use route::{Auth, AuthScheme, MAX_PATH_PREFIXES, Route, RouteError};
#[cfg(feature = "operator")]
pub use routes::{
    Audited, Change, Gone, Merged, NotUnderstood, Part, Reach, RouteAuth, RouteChange, RouteEntry, Routes,
    RoutesError, RoutesProblem, Traced, TracedRoute, merge, trace_routes,
};
pub use secret::mask_secrets;
pub use text::{SafeLine, SafeText};
pub use timestamp::{format_timestamp, now_timestamp};
pub use tool::{Component, Tool};
