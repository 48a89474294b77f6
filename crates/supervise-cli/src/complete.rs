//! What a shell asks on TAB: the pending ids and the bottles that could stand where the cursor is.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, Command, CommandFactory as _};
use supervise_core::{SafeLine, Slug};
use supervise_store::{Bottle, Place, Queue, bottles};

use crate::arguments::{Arguments, Globals};
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::inbox::{self, Item};
use crate::notify::subject;
use crate::session::Session;
use crate::ui::{ColorChoice, Line, Ui, line};
use crate::visit::{visit_all, within};

/// `supervise __complete INDEX WORD…`, as our scripts call it. It is no verb: nobody types it.
const ASKED: &str = "__complete";
/// Somebody waits with a finger on TAB, so a slow bottle is left out.
const PATIENCE: Duration = Duration::from_millis(40);
const MAX_SHOWN: usize = 200;

/// A command line with a cursor in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Question {
    words: Vec<String>,
    index: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Ids,
    Slugs,
}

/// What is known of the command line.
#[derive(Debug, Default)]
struct Read {
    wanted: Option<Wanted>,
    /// What is typed already of the word that is wanted.
    start: String,
    root: Option<PathBuf>,
    bottles: Vec<Slug>,
}

impl Question {
    /// The question, if this is one.
    pub(crate) fn asked(arguments: &[OsString]) -> Option<Question> {
        let mut arguments = arguments.iter().map(|word| word.to_string_lossy().into_owned());
        if arguments.nth(1)? != ASKED {
            return None;
        }
        let index = arguments.next()?.parse().ok()?;
        Some(Question {
            words: arguments.collect(),
            index,
        })
    }

    /// Prints what could stand at the cursor, one a line, with a tab before what is said about it. Where nothing
    /// is known, or anything goes wrong, that is nothing.
    pub(crate) fn answer(self, environment: Environment) -> ExitCode {
        let ui = Ui::new(ColorChoice::Never, &environment);
        let read = self.read();
        let lines = crate::block_on(async {
            let lines = self.lines(&ui, environment, read).await?;
            ui.data(&lines);
            Ok(Exit::DONE)
        });
        ui.finish(lines.unwrap_or(Exit::DONE)).into()
    }

    async fn lines(&self, ui: &Ui, environment: Environment, read: Read) -> Result<Vec<Line>, CliError> {
        let globals = Globals {
            root: read.root,
            bottles: read.bottles,
            json: false,
            no_input: true,
            yes: false,
            color: ColorChoice::Never,
        };
        let session = Session::new(&globals, environment, ui)?;
        match read.wanted {
            None => Ok(Vec::new()),
            Some(Wanted::Slugs) => slugs(&session, &read.start),
            Some(Wanted::Ids) => {
                let mut items = pending(&session).await?;
                let start = read.start.to_ascii_lowercase();
                let named = |id: &String| {
                    let mut others = self.words.iter().enumerate().filter(|(at, _)| *at != self.index);
                    others.any(|(_, word)| word == id)
                };
                items.retain(|item| item.proposal.id.starts_with(&start) && !named(&item.proposal.id));
                Ok(items.iter().take(MAX_SHOWN).map(described).collect())
            }
        }
    }

    /// Follows the words to the cursor, as far as this needs to understand them.
    fn read(&self) -> Read {
        let mut command = Arguments::command();
        command.build();
        let mut at = &command;
        let mut read = Read::default();
        let (mut option, mut position): (Option<&Arg>, usize) = (None, 0);
        for (number, word) in self.words.iter().enumerate().skip(1).take(self.index) {
            let last = number == self.index;
            // Some shells take `--bottle=dev` for three words.
            if word == "=" && option.is_some() && !last {
                continue;
            }
            let (name, value) = match word.split_once('=') {
                Some((name, value)) if word.starts_with("--") => (name, Some(value)),
                _ => (word.as_str(), None),
            };
            if let Some(named) = option.take() {
                read.take(named, word.trim_start_matches('='), last);
            } else if let Some(name) = name.strip_prefix("--") {
                let named = at.get_arguments().find(|arg| arg.get_long() == Some(name));
                match (named.filter(|arg| arg.get_action().takes_values()), value) {
                    (Some(named), Some(value)) => read.take(named, value, last),
                    (named, _) => option = named,
                }
            } else if last {
                read.start.clone_from(word);
                read.wanted = positional(at, position);
            } else if let Some(verb) = at.find_subcommand(word) {
                (at, position) = (verb, 0);
            } else {
                position += 1;
            }
        }
        read
    }
}

impl Read {
    fn take(&mut self, option: &Arg, value: &str, last: bool) {
        match option.get_id().as_str() {
            "bottles" if last => {
                self.wanted = Some(Wanted::Slugs);
                value.clone_into(&mut self.start);
            }
            "bottles" => self.bottles.extend(value.parse::<Slug>().ok()),
            "root" => self.root = Some(PathBuf::from(value)),
            _ => {}
        }
    }
}

/// What a verb takes at a place, by the name its help has for it.
fn positional(verb: &Command, position: usize) -> Option<Wanted> {
    let many = |arg: &&Arg| matches!(arg.get_action(), ArgAction::Append);
    let arg = verb
        .get_positionals()
        .nth(position)
        .or_else(|| verb.get_positionals().last().filter(many))?;
    match arg.get_value_names()?.first()?.as_str() {
        // What is refused can be reopened, and what is pending can't.
        "ID" if verb.get_name() != "reopen" => Some(Wanted::Ids),
        "SLUG" => Some(Wanted::Slugs),
        _ => None,
    }
}

/// What is pending, oldest first. An id in two bottles names neither.
async fn pending(session: &Session<'_>) -> Result<Vec<Item>, CliError> {
    let (places, _) = inbox::places_now(session)?;
    let read = |place: Place| async move {
        let page = within(PATIENCE, Queue::page_at(&place)).await;
        let listed = page.map(|page| page.proposals).unwrap_or_default();
        listed
            .into_iter()
            .map(|listed| Item::new(&place.slug, listed))
            .collect::<Vec<_>>()
    };
    let mut items: Vec<Item> = visit_all(places, read).await?.into_iter().flatten().collect();
    items.sort_by_cached_key(|item| (item.proposal.arrival_timestamp.clone(), item.proposal.id.clone()));
    items.dedup_by(|a, b| a.proposal.id == b.proposal.id);
    Ok(items)
}

fn described(item: &Item) -> Line {
    line![
        SafeLine::new(&item.proposal.id),
        "\t",
        &item.slug,
        " ",
        SafeLine::new(&subject(&item.proposal))
    ]
}

fn slugs(session: &Session<'_>, start: &str) -> Result<Vec<Line>, CliError> {
    let found = bottles(&session.root)?
        .into_iter()
        .filter_map(|bottle| match bottle {
            Bottle::Queue(slug, _) if slug.as_str().starts_with(start) => Some(line![slug]),
            _ => None,
        });
    Ok(found.take(MAX_SHOWN).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Read {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let index = words.len() - 1;
        Question { words, index }.read()
    }

    #[test]
    fn ids_and_bottles_are_wanted_where_they_belong() {
        for (words, wanted) in [
            ("supervise approve ", Some(Wanted::Ids)),
            ("supervise approve 3f2a ", Some(Wanted::Ids)),
            ("supervise --json --root /x show 3f", Some(Wanted::Ids)),
            ("supervise modify --file - ", Some(Wanted::Ids)),
            ("supervise approve -- ", Some(Wanted::Ids)),
            ("supervise list --bottle ", Some(Wanted::Slugs)),
            ("supervise list --bottle=d", Some(Wanted::Slugs)),
            ("supervise list --bottle = d", Some(Wanted::Slugs)),
            ("supervise list --bottle =", Some(Wanted::Slugs)),
            ("supervise routes show ", Some(Wanted::Slugs)),
            ("supervise ", None),
            ("supervise app", None),
            ("supervise approve --", None),
            ("supervise approve --notes ", None),
            ("supervise show 3f2a ", None),
            ("supervise submit ", None),
        ] {
            assert_eq!(read(words).wanted, wanted, "{words:?}");
        }
    }

    #[test]
    fn the_root_and_the_bottles_of_the_line_count() {
        let read = read("supervise --root /x --bottle dev approve --bottle=ci 3F");
        assert_eq!(read.root, Some("/x".into()));
        assert_eq!(
            read.bottles.iter().map(Slug::as_str).collect::<Vec<_>>(),
            ["dev", "ci"]
        );
        assert_eq!(read.start, "3F");
    }

    #[test]
    fn only_the_question_is_one() {
        let asked = |words: &[&str]| Question::asked(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(asked(&["supervise", "list"]).is_none());
        assert!(asked(&["supervise", "__complete", "x"]).is_none());
        assert!(asked(&["supervise", "__complete", "1", "supervise", ""]).is_some());
    }
}
