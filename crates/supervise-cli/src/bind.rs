//! What a decision is bound to: the digest the operator named, or the one under which it was first shown.

use supervise_core::SafeLine;
use supervise_store::State;

use crate::apply::LiveFile;
use crate::desk::{Desk, Target};
use crate::error::{CliError, Kind};
use crate::id::{IdArgument, reference};
use crate::inbox::Item;
use crate::render::card;
use crate::risks::Background;
use crate::ui::{Stream, line};

/// An answer that counts as not approved, and stands.
pub(crate) const UNREADABLE: &str = "answered, in a form that can't be read";

impl Desk<'_> {
    /// The proposal that `id` names, still undecided and as the operator saw it. If it has changed since, it is
    /// shown again and the decision refused.
    pub(crate) async fn undecided(&mut self, id: &IdArgument) -> Result<Item, CliError> {
        let Target { item, state } = self.find(id).await?;
        match state {
            // An interrupted decision is settled under the lock; until then nobody has won.
            State::Pending | State::BeingDecided => {}
            State::Decided(answer) => return Err(already(&item, answer.response.status.name())),
            State::Withdrawn => return Err(already(&item, "withdrawn")),
            State::Unreadable => return Err(already(&item, UNREADABLE)),
        }
        if !id.accepts(&item.digest) {
            return Err(self.changed(&item, "it is not what that digest was shown for"));
        }
        if !id.is_bound() {
            self.check_shown(&item).await?;
        }
        Ok(item)
    }

    /// Refuses what has changed since it was first shown. What was never shown is bound to what is read now.
    pub(crate) async fn check_shown(&mut self, item: &Item) -> Result<(), CliError> {
        let shown = self
            .host()
            .await?
            .shown_digest(&item.slug, &item.proposal.id)
            .await?;
        match shown {
            Some(digest) if digest != item.digest => {
                Err(self.changed(item, "it has changed since it was shown"))
            }
            _ => Ok(()),
        }
    }

    /// Shows the proposal as it is now, and the error that refuses to decide it.
    pub(crate) fn changed(&self, item: &Item, why: &'static str) -> CliError {
        let ui = self.session.ui;
        let risks = Background::default().risks(item);
        // A configuration that can't be read has stopped the decision already, or will.
        let live = LiveFile::of(self.session, &item.slug, item.proposal.tool);
        let preview = live.unwrap_or(LiveFile::NotConfigured).preview(&item.proposal);
        ui.say(&card::lines(
            item,
            &risks,
            &preview,
            ui.wrap_columns(Stream::Talk),
        ));
        let message = line![SafeLine::new(&item.proposal.id), " was not decided: ", why];
        let hint = line!["if this is what you mean, name it as ", reference(&item.proposal)];
        CliError::new(Kind::Changed, message).hint(hint)
    }
}

/// The refusal of a second decision; it names the first.
pub(crate) fn already(item: &Item, status: &'static str) -> CliError {
    CliError::new(
        Kind::Decided,
        line![SafeLine::new(&item.proposal.id), " is already ", status],
    )
}
