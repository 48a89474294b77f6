//! The names of files: which proposal, and what is told of it.

use std::fmt;

use uuid::Uuid;

use crate::row::parse_id;

/// The directory that the bottle writes.
pub(crate) const IN: &str = "in";
/// The directory that the host writes.
pub(super) const OUT: &str = "out";

/// What a file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Proposal,
    Joined(u64),
    TimedOut,
    Delivered,
    Withdrawn,
    Claim,
    Response,
    Reopened,
    Ended,
}

/// A file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) id: Uuid,
    pub(super) kind: Kind,
}

impl Name {
    pub(super) fn new(id: Uuid, kind: Kind) -> Name {
        Name { id, kind }
    }

    /// Only in the one spelling that we write; anything else in a directory is none of ours.
    pub(super) fn read(name: &str) -> Option<Name> {
        let (id, kind) = name.split_once('.')?;
        let kind = match kind {
            "proposal" => Kind::Proposal,
            "timed-out" => Kind::TimedOut,
            "delivered" => Kind::Delivered,
            "withdrawn" => Kind::Withdrawn,
            "claim" => Kind::Claim,
            "response" => Kind::Response,
            "reopened" => Kind::Reopened,
            "ended" => Kind::Ended,
            other => {
                let count: u64 = other.strip_prefix("joined-")?.parse().ok()?;
                if other != format!("joined-{count}") {
                    return None;
                }
                Kind::Joined(count)
            }
        };
        Some(Name::new(parse_id(id)?, kind))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.", self.id)?;
        match self.kind {
            Kind::Proposal => f.write_str("proposal"),
            Kind::Joined(count) => write!(f, "joined-{count}"),
            Kind::TimedOut => f.write_str("timed-out"),
            Kind::Delivered => f.write_str("delivered"),
            Kind::Withdrawn => f.write_str("withdrawn"),
            Kind::Claim => f.write_str("claim"),
            Kind::Response => f.write_str("response"),
            Kind::Reopened => f.write_str("reopened"),
            Kind::Ended => f.write_str("ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_in_its_own_spelling_only() {
        let id = "68ae9555-c4d1-4359-b23d-560ada833ef8";
        for kind in [
            "proposal",
            "joined-7",
            "timed-out",
            "delivered",
            "withdrawn",
            "claim",
            "response",
            "reopened",
            "ended",
        ] {
            let name = format!("{id}.{kind}");
            assert_eq!(Name::read(&name).unwrap().to_string(), name);
        }
        for odd in [
            "proposal".to_owned(),
            id.to_owned(),
            format!("{id}.joined-07"),
            format!("{id}.joined-"),
            format!("{id}.joined-18446744073709551616"),
            format!("{id}.proposal.tmp"),
            format!("{}.proposal", id.to_uppercase()),
            format!("{}.proposal", id.replace('-', "")),
            format!("../{id}.proposal"),
            ".tmp-1".to_owned(),
        ] {
            assert_eq!(Name::read(&odd), None, "{odd}");
        }
    }
}
