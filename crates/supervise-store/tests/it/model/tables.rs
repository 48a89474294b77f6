//! What the tables should hold, as plain collections, and who may change what in them.

use std::collections::{BTreeMap, BTreeSet};

use supervise_core::{Proposal, Response, Tool};

#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) proposal: Proposal,
    pub(super) archived: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) response: Response,
    pub(super) applied: Option<bool>,
    pub(super) archived: bool,
    pub(super) number: i64,
}

/// A rejection that sticks, until its time is over.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) id: String,
    pub(super) notes: String,
    pub(super) holds: bool,
}

/// What identical asks have in common.
pub(super) type Payload = (&'static str, String);

#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) rows: BTreeMap<String, Row>,
    /// Every id there ever was, deleted ones among them, for choosing one.
    pub(super) known: Vec<String>,
    pub(super) replies: BTreeMap<String, Reply>,
    /// Whose token holds a proposal.
    pub(super) claims: BTreeMap<String, String>,
    pub(super) joins: BTreeMap<String, u64>,
    pub(super) timeouts: BTreeSet<String>,
    /// Whether the hour is over.
    pub(super) withdrawals: BTreeMap<String, bool>,
    pub(super) refusals: BTreeMap<Payload, Refused>,
}

/// Where a proposal is in its life.
#[derive(Debug, Clone)]
pub(super) enum Life {
    Unknown,
    Pending,
    Claimed,
    Decided(Response, Option<bool>),
    Withdrawn,
}

pub(super) fn payload(tool: Tool, file: &str) -> Option<Payload> {
    Some((tool.joins_with().first()?.name(), file.to_owned()))
}

impl Tables {
    pub(super) fn choose(&self, at: usize) -> Option<String> {
        let newest_first = self.known.iter().rev();
        newest_first.cycle().nth(at % self.known.len().max(1)).cloned()
    }

    pub(super) fn insert(&mut self, proposal: Proposal) {
        self.known.push(proposal.id.clone());
        let row = Row {
            proposal,
            archived: false,
        };
        self.rows.insert(row.proposal.id.clone(), row);
    }

    pub(super) fn life(&self, id: &str) -> Life {
        let Some(row) = self.rows.get(id) else {
            return Life::Unknown;
        };
        match self.replies.get(id) {
            Some(reply) => Life::Decided(reply.response.clone(), reply.applied),
            None if row.archived => Life::Withdrawn,
            None if self.claims.contains_key(id) => Life::Claimed,
            None => Life::Pending,
        }
    }

    /// Unarchived proposals in the order of arrival.
    pub(super) fn unarchived(&self) -> Vec<&Proposal> {
        let open = self.rows.values().filter(|row| !row.archived);
        let mut open: Vec<&Proposal> = open.map(|row| &row.proposal).collect();
        open.sort_by_key(|proposal| (&proposal.arrival_timestamp, &proposal.id));
        open
    }

    pub(super) fn pending(&self) -> Vec<&Proposal> {
        let mut open = self.unarchived();
        open.retain(|proposal| !self.replies.contains_key(&proposal.id));
        open
    }

    /// Stores a response unless the file's triggers refuse it.
    pub(super) fn respond(&mut self, response: Response, applied: Option<bool>) -> bool {
        let id = response.proposal_id.clone();
        let archived = self.rows.get(&id).is_some_and(|row| row.archived);
        if archived || self.claims.contains_key(&id) || self.replies.contains_key(&id) {
            return false;
        }
        let last = self.replies.values().map(|reply| reply.number).max();
        let reply = Reply {
            response,
            applied,
            archived: false,
            number: last.unwrap_or(0) + 1,
        };
        self.replies.insert(id, reply);
        true
    }

    /// Archives both rows unless a trigger refuses it.
    pub(super) fn archive(&mut self, id: &str) -> bool {
        let claimed = self.claims.contains_key(id);
        match self.rows.get_mut(id) {
            Some(row) if !row.archived && claimed => return false,
            Some(row) => row.archived = true,
            None => {}
        }
        if let Some(reply) = self.replies.get_mut(id) {
            reply.archived = true;
        }
        true
    }

    pub(super) fn withdraw(&mut self, id: &str) {
        assert!(self.archive(id));
        self.withdrawals.entry(id.to_owned()).or_insert(false);
        self.forget_old_withdrawals();
    }

    pub(super) fn forget_old_withdrawals(&mut self) {
        let old = self.withdrawals.extract_if(.., |_, old| *old);
        for (id, _) in old.collect::<Vec<_>>() {
            if self.rows.get(&id).is_some_and(|row| row.archived) && !self.replies.contains_key(&id) {
                self.rows.remove(&id);
            }
            self.joins.remove(&id);
            self.timeouts.remove(&id);
        }
    }

    /// What every opening to write does: see what has had its time off.
    pub(super) fn open(&mut self) {
        self.forget_old_withdrawals();
        self.refusals.retain(|_, refused| refused.holds);
    }

    /// Everything archived goes, but for what is still needed and the response with the last number.
    pub(super) fn prune(&mut self, needed: &BTreeSet<String>) -> u64 {
        let last = self.replies.values().map(|reply| reply.number).max();
        let refused: BTreeSet<&String> = (self.refusals.values())
            .filter(|refused| refused.holds)
            .map(|refused| &refused.id)
            .collect();
        let replies = &self.replies;
        let goes = |id: &String, row: &Row| {
            let reply = replies.get(id);
            let kept = reply.is_some_and(|reply| !reply.archived || Some(reply.number) == last);
            row.archived && !kept && !refused.contains(id) && !needed.contains(id)
        };
        let gone: Vec<String> = (self.rows.iter())
            .filter(|(id, row)| goes(id, row))
            .map(|(id, _)| id.clone())
            .collect();
        for id in &gone {
            self.rows.remove(id);
            self.replies.remove(id);
            self.joins.remove(id);
            self.timeouts.remove(id);
            self.withdrawals.remove(id);
        }
        self.refusals.retain(|_, refused| refused.holds);
        gone.len() as u64
    }
}
