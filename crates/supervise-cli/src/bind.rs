//! What a decision is bound to: the digest the operator named, or the one under which it was first shown, and
//! the file that its change was shown for.

use supervise_core::{Digest, SafeLine};
use supervise_store::{Decided, State};

use crate::apply::LiveFile;
use crate::decide::Decision;
use crate::desk::{Desk, Target};
use crate::error::{CliError, Kind};
use crate::id::{IdArgument, reference};
use crate::inbox::Item;
use crate::render::card;
use crate::risks::Background;
use crate::shown;
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
            return Err(self
                .changed(&item, "it is not what that digest was shown for")
                .await);
        }
        if !id.is_bound() {
            self.check_shown(&item).await?;
        }
        Ok(item)
    }

    /// Refuses what has changed since it was first shown. What was never shown is bound to what is read now.
    pub(crate) async fn check_shown(&mut self, item: &Item) -> Result<(), CliError> {
        let host = self.host().await?;
        match host.shown_digest(&item.slug, &item.proposal.id).await? {
            Some(digest) if digest != item.digest => {
                Err(self.changed(item, "it has changed since it was shown").await)
            }
            _ => Ok(()),
        }
    }

    /// The file that `item` would change as it was last shown, if that still is what lies there. If it isn't, the
    /// proposal is shown again; that doesn't count as shown, or a command that is simply repeated would approve
    /// what nobody looked at.
    pub(crate) async fn unmoved(&mut self, item: &Item) -> Result<Option<Digest>, CliError> {
        let host = self.host().await?;
        match host.shown_file(&shown::of(item)).await? {
            Some(file) if self.has_moved(item, file) => Err(self.show_moved(item, moved(item)).await),
            file => Ok(file),
        }
    }

    /// Decides, and shows the proposal again if the file under it moved.
    pub(crate) async fn decide_or_show(
        &mut self,
        item: &Item,
        decision: Decision,
    ) -> Result<Decided, CliError> {
        match self.decide(item, decision).await {
            Err(error) if error.kind() == Kind::Moved => Err(self.show_moved(item, error).await),
            other => other,
        }
    }

    /// Whether the file that `item` would change is another than `shown`, and not by what this run did.
    pub(crate) fn has_moved(&self, item: &Item, shown: Digest) -> bool {
        // A configuration that can't be read ends the decision, and says so better.
        let now = LiveFile::of(self.session, &item.slug, item.proposal.tool);
        now.is_ok_and(|now| !self.leads_to(shown, now.digest()))
    }

    async fn show_moved(&self, item: &Item, error: CliError) -> CliError {
        self.show_again(item).await;
        error.hint(line![
            "look at the change with `supervise show ",
            SafeLine::new(&item.proposal.id),
            "`, then decide again"
        ])
    }

    /// Shows the proposal as it is now, and the error that refuses to decide it.
    pub(crate) async fn changed(&self, item: &Item, why: &'static str) -> CliError {
        self.show_again(item).await;
        let message = line![SafeLine::new(&item.proposal.id), " was not decided: ", why];
        let hint = line!["if this is what you mean, name it as ", reference(&item.proposal)];
        CliError::new(Kind::Changed, message).hint(hint)
    }

    async fn show_again(&self, item: &Item) {
        let ui = self.session.ui;
        // A configuration that can't be read has stopped the decision already, or will.
        let live = LiveFile::of(self.session, &item.slug, item.proposal.tool);
        let live = live.unwrap_or(LiveFile::NotConfigured);
        let background = Background::of(self.session, &item.slug, &live).await;
        let risks = background.risks(&item.proposal);
        let preview = live.preview(&item.proposal);
        let columns = ui.wrap_columns(Stream::Talk);
        ui.say(&card::lines(item, &risks, &preview, columns));
    }
}

/// The refusal of a second decision; it names the first.
pub(crate) fn already(item: &Item, status: &'static str) -> CliError {
    CliError::new(
        Kind::Decided,
        line![SafeLine::new(&item.proposal.id), " is already ", status],
    )
}

/// The refusal to change a file that isn't the one that was shown.
pub(crate) fn moved(item: &Item) -> CliError {
    let why = " was not decided: the file it would change has changed since it was shown";
    CliError::new(Kind::Moved, line![SafeLine::new(&item.proposal.id), why])
}
