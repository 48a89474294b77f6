//! What must be true, said in a failure's words when it isn't.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{Failed, say};

/// After this a thing that was waited for is taken not to come.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// Asks until there is an answer.
pub(super) fn wait<T>(what: &str, mut ask: impl FnMut() -> Result<Option<T>, Failed>) -> Result<T, Failed> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        std::thread::sleep(PAUSE);
    }
    Err(Failed::new(format!(
        "in vain for {} s: {what}",
        PATIENCE.as_secs()
    )))
}

/// Notes on stderr what was found to be true.
pub(super) fn holds(what: &str, found: bool) -> Result<(), Failed> {
    if !found {
        return Err(Failed::new(format!("not so: {what}")));
    }
    say(&format!("   {what}"));
    Ok(())
}

/// The same, for two values.
pub(super) fn equal<T: PartialEq + Debug>(what: &str, found: &T, wanted: &T) -> Result<(), Failed> {
    same(what, found, wanted)?;
    say(&format!("   {what}: {found:?}"));
    Ok(())
}

/// The same, where there is too much to note.
pub(super) fn same<T: PartialEq + Debug>(what: &str, found: &T, wanted: &T) -> Result<(), Failed> {
    if found == wanted {
        return Ok(());
    }
    Err(Failed::new(format!("{what}: {found:?}, not {wanted:?}")))
}

/// The same for JSON, which reads better as it is written.
pub(super) fn equal_json(what: &str, found: &Value, wanted: &Value) -> Result<(), Failed> {
    same(what, found, wanted)?;
    say(&format!("   {what}: {found}"));
    Ok(())
}

/// Turns an I/O error into a failure that says what was being done.
pub(super) fn trouble(doing: &str) -> impl Fn(std::io::Error) -> Failed {
    move |error| Failed::new(format!("{doing}: {error}"))
}
