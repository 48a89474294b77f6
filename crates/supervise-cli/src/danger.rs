//! A danger is approved by a code from the digest, which no habit types.

use supervise_core::{Level, Risk};

use crate::error::CliError;
use crate::inbox::Item;
use crate::prompt::{self, YesOrNo};
use crate::risks::worst;
use crate::session::Session;
use crate::ui::line;

/// How much of the digest the code has.
const CODE_DIGITS: usize = 4;

/// Asks for the code of `item`, if what would be approved of it carries a danger.
pub(crate) async fn is_dared(
    session: &Session<'_>,
    item: &Item,
    risks: &[Risk],
) -> Result<YesOrNo, CliError> {
    if worst(risks) != Some(Level::Danger) {
        return Ok(YesOrNo::Yes);
    }
    let code: String = item.digest.short().chars().take(CODE_DIGITS).collect();
    let dares = prompt::code(session, &code).await?;
    if dares == YesOrNo::No {
        session
            .ui
            .say(&[line!["that is not the code; nothing was decided"]]);
    }
    Ok(dares)
}
