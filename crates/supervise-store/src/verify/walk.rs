//! The walk along the entries: each is compared with its line, each line with the one before and the anchor.

use std::borrow::Cow;

use crate::anchor::{AnchorLines, Said};
use crate::audit::AuditOrigin;
use crate::chain::{ChainLine, Link, Linked, RawEntry, link_hash};
use crate::error::StoreError;
use crate::verify::{Head, Problem, Verified, Wrong};

/// What the entries are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A log from its first entry on.
    Whole,
    /// Some of a log: each entry is compared with its own line alone, and what is missing can't be known.
    Filtered,
}

/// How far behind the chain an anchor may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lag {
    /// The live one: the append that a crash cut short.
    OneAppend,
    /// A copy is as old as it is.
    Any,
}

/// An entry with all that belongs to it.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) id: i64,
    pub(crate) entry: Cow<'a, RawEntry>,
    pub(crate) origin: Option<AuditOrigin>,
    pub(crate) line: Option<ChainLine>,
    /// The digest of what is kept as its proposal; the inner `None` is no proposal.
    pub(crate) proposed: Option<Option<String>>,
    /// Whether every column has the type that we write.
    pub(crate) sound: bool,
}

impl Seen<'_> {
    pub(crate) fn hash(&self, prev: &str, link: Link) -> String {
        let nothing = AuditOrigin::default();
        let origin = self.origin.as_ref().unwrap_or(&nothing);
        link_hash(prev, self.id, &self.entry, origin, link)
    }
}

/// Where the walk is.
#[derive(Debug)]
pub(crate) struct Walk {
    scope: Scope,
    anchor: Option<(AnchorLines, Lag)>,
    last_id: i64,
    /// The hash of the last line.
    prev: String,
    head: Option<(i64, Link)>,
    /// The first line that the anchor has no more, and how many appends are missing in it.
    behind: Option<i64>,
    appends_behind: u64,
    verified: Verified,
}

/// What one step found: a problem ends the walk.
pub(crate) type Step = Result<Result<(), Problem>, StoreError>;

macro_rules! check {
    ($found:expr) => {
        if let Err(problem) = $found {
            return Ok(Err(problem));
        }
    };
}

impl Walk {
    pub(crate) fn new(scope: Scope, anchor: Option<(AnchorLines, Lag)>) -> Walk {
        Walk {
            scope,
            anchor,
            last_id: 0,
            prev: String::new(),
            head: None,
            behind: None,
            appends_behind: 0,
            verified: Verified::default(),
        }
    }

    /// The hash of the last line.
    pub(crate) fn prev(&self) -> &str {
        &self.prev
    }

    pub(crate) fn step(&mut self, seen: &Seen<'_>) -> Step {
        self.verified.entries += 1;
        if seen.id <= self.last_id {
            return Ok(Err(Problem::at(seen.id, Wrong::OutOfOrder)));
        }
        let Some(line) = &seen.line else {
            check!(self.unchained(seen));
            self.last_id = seen.id;
            return Ok(Ok(()));
        };
        check!(self.no_unchained_before(line));
        check!(self.line(seen, line));
        self.count(seen.id, line);
        let linked = Linked {
            id: seen.id,
            hash: line.hash.clone(),
        };
        self.anchored(&linked, line.link)
    }

    fn unchained(&mut self, seen: &Seen<'_>) -> Result<(), Problem> {
        // Only an entry of ours has an origin, and those are never without a line.
        if seen.origin.is_some() {
            return Err(Problem::at(seen.id, Wrong::LineMissing));
        }
        self.verified.unchained.push(seen.id);
        Ok(())
    }

    /// What another program wrote stands above the head until it is adopted, never below.
    fn no_unchained_before(&self, line: &ChainLine) -> Result<(), Problem> {
        match self.verified.unchained.first() {
            Some(id) if self.scope == Scope::Whole => {
                let goes_on = line.prev == self.prev;
                let wrong = if goes_on {
                    Wrong::Inserted
                } else {
                    Wrong::LineMissing
                };
                Err(Problem::at(id, wrong))
            }
            _ => Ok(()),
        }
    }

    fn line(&self, seen: &Seen<'_>, line: &ChainLine) -> Result<(), Problem> {
        let prev = match self.scope {
            Scope::Whole => &self.prev,
            Scope::Filtered => &line.prev,
        };
        let wrong = |wrong| Err(Problem::at(seen.id, wrong));
        if !seen.sound {
            return wrong(Wrong::Malformed);
        }
        if line.hash != seen.hash(prev, line.link) {
            return Err(self.misfit(seen, line, prev));
        }
        // The hash has proved the origin, and the digest in it proves the proposal.
        let digest = seen.origin.as_ref().and_then(|origin| origin.digest.as_ref());
        let is_proposed = |found: &Option<String>| found.is_some() && found.as_ref() == digest;
        match (line.link, &seen.origin) {
            _ if line.prev != *prev => wrong(Wrong::PrevChanged),
            _ if !seen.proposed.as_ref().is_none_or(is_proposed) => wrong(Wrong::ProposalChanged),
            (Link::Ours, None) => wrong(Wrong::OriginMissing),
            (Link::Adopted, Some(_)) => wrong(Wrong::OriginAdded),
            _ => Ok(()),
        }
    }

    /// Why the hash isn't that of the entry behind the line before.
    fn misfit(&self, seen: &Seen<'_>, line: &ChainLine, prev: &str) -> Problem {
        let other = match line.link {
            Link::Ours => Link::Adopted,
            Link::Adopted => Link::Ours,
        };
        let follows_another = line.prev != prev && line.hash == seen.hash(&line.prev, line.link);
        let wrong = if follows_another && seen.id > self.last_id + 1 {
            return Problem::at(self.last_id + 1, Wrong::Missing);
        } else if line.hash == seen.hash(prev, other) {
            Wrong::KindChanged
        } else if line.link == Link::Ours && seen.origin.is_none() {
            Wrong::OriginMissing
        } else if line.prev == prev {
            Wrong::Changed
        } else {
            Wrong::Misplaced
        };
        Problem::at(seen.id, wrong)
    }

    fn count(&mut self, id: i64, line: &ChainLine) {
        self.last_id = id;
        self.head = Some((id, line.link));
        self.prev.clone_from(&line.hash);
        self.verified.chained += 1;
        self.verified.adopted += u64::from(line.link == Link::Adopted);
    }

    fn anchored(&mut self, line: &Linked, link: Link) -> Step {
        let Some((anchor, _)) = &mut self.anchor else {
            return Ok(Ok(()));
        };
        if self.scope == Scope::Filtered {
            anchor.skip_to(line.id)?;
        }
        match anchor.expect(line)? {
            Ok(Said::Same) => self.verified.anchored = Some(line.id),
            Ok(Said::Nothing) => {
                self.behind.get_or_insert(line.id);
                self.appends_behind += u64::from(link == Link::Ours);
            }
            Err(wrong) => return Ok(Err(Problem::at(line.id, wrong))),
        }
        Ok(Ok(()))
    }

    /// Says what was found, when there are no more entries.
    pub(crate) fn finish(mut self) -> Result<Verified, StoreError> {
        let problem = self.end()?;
        Ok(self.stop(problem))
    }

    /// Says what was found up to a problem.
    pub(crate) fn stop(mut self, problem: Option<Problem>) -> Verified {
        self.verified.head = self.head.map(|(id, _)| Head {
            id,
            hash: self.prev.clone(),
        });
        self.verified.problem = problem;
        self.verified
    }

    fn end(&mut self) -> Result<Option<Problem>, StoreError> {
        if self.scope == Scope::Filtered {
            return Ok(None);
        }
        if let Some((anchor, _)) = &mut self.anchor
            && let Some((id, wrong)) = anchor.surplus()?
        {
            return Ok(Some(Problem { id, wrong }));
        }
        Ok(self.adopted_by_none().or_else(|| self.lag()))
    }

    /// Entries are adopted together with the append that adopts them.
    fn adopted_by_none(&self) -> Option<Problem> {
        match self.head {
            Some((id, Link::Adopted)) => Some(Problem::at(id + 1, Wrong::Missing)),
            _ => None,
        }
    }

    fn lag(&self) -> Option<Problem> {
        let appends = self.appends_behind;
        match self.anchor {
            Some((_, Lag::OneAppend)) if appends > 1 => {
                Some(Problem::at(self.behind?, Wrong::AnchorLags { appends }))
            }
            _ => None,
        }
    }
}
