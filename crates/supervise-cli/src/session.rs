//! What every verb works with: where the bottles are, how to talk, and whether it may ask.

use std::cell::OnceCell;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use supervise_core::{Root, Slug};
use supervise_store::{Place, StoreError};

use crate::arguments::Globals;
use crate::config::Config;
use crate::environment::Environment;
use crate::error::{CliError, Kind};
use crate::queues::Queues;
use crate::signals::Stops;
use crate::ui::{Printable, Ui, line};

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Human,
    Json,
}

/// Whether there is somebody to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    AtTerminal,
    Absent,
}

/// Whether the operator said yes beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    Given,
    ToAsk,
}

/// One run of the program.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(crate) ui: &'a Ui,
    pub(crate) root: Root,
    /// The bottles the operator named; none means all.
    pub(crate) scope: Vec<Slug>,
    pub(crate) format: Format,
    pub(crate) operator: Operator,
    pub(crate) consent: Consent,
    pub(crate) environment: Environment,
    config: OnceCell<Config>,
    queues: OnceCell<Queues>,
    stops: OnceCell<Stops>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(globals: &Globals, environment: Environment, ui: &'a Ui) -> Result<Self, CliError> {
        let mut scope = globals.bottles.clone();
        scope.sort();
        scope.dedup();
        Ok(Session {
            ui,
            root: root(globals, &environment)?,
            scope,
            format: if globals.json { Format::Json } else { Format::Human },
            operator: if globals.no_input {
                Operator::Absent
            } else {
                operator()
            },
            consent: if globals.yes {
                Consent::Given
            } else {
                Consent::ToAsk
            },
            environment,
            config: OnceCell::new(),
            queues: OnceCell::new(),
            stops: OnceCell::new(),
        })
    }

    /// The same run over another root, for a demonstration that must touch nothing of the operator's.
    pub(crate) fn elsewhere(&self, root: Root) -> Session<'a> {
        Session {
            ui: self.ui,
            root,
            scope: Vec::new(),
            format: Format::Human,
            operator: self.operator,
            consent: self.consent,
            environment: Environment {
                editor: self.environment.editor.clone(),
                term: self.environment.term.clone(),
                ..Environment::default()
            },
            config: OnceCell::new(),
            queues: OnceCell::new(),
            stops: OnceCell::new(),
        }
    }

    /// What is configured, read when it is first needed: most verbs do without.
    pub(crate) fn config(&self) -> Result<&Config, CliError> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let config = Config::load(&self.root)?;
        Ok(self.config.get_or_init(|| config))
    }

    /// Which bottle has which kind of queue, read when it is first needed.
    pub(crate) fn queues(&self) -> Result<&Queues, CliError> {
        if let Some(queues) = self.queues.get() {
            return Ok(queues);
        }
        let queues = Queues::load(&self.root)?;
        Ok(self.queues.get_or_init(|| queues))
    }

    /// Where a bottle's queue is. While the list of them can't be read, no queue is taken for another kind.
    pub(crate) fn place(&self, slug: &Slug) -> Result<Place, StoreError> {
        match self.queues() {
            Ok(queues) => Ok(queues.place(&self.root, slug)),
            Err(error) => Err(StoreError::Refused {
                path: self.root.queues_file(),
                what: error.explanation().plain(),
            }),
        }
    }

    /// Signals, which are only counted from the first call on: a decision that has begun is brought to an end.
    pub(crate) fn stops(&self) -> &Stops {
        self.stops.get_or_init(Stops::counted)
    }

    /// Whether to begin with nothing more. What was sent by now has been counted when this returns.
    pub(crate) async fn is_stopped(&self) -> bool {
        match self.stops.get() {
            Some(stops) => {
                // Signals come in only while this program waits.
                tokio::time::sleep(Duration::from_millis(1)).await;
                stops.any()
            }
            None => false,
        }
    }

    /// Refuses to go on where `what` would have to ask and nobody is there.
    pub(crate) fn require_operator(&self, what: &'static str, hint: impl Printable) -> Result<(), CliError> {
        match self.operator {
            Operator::AtTerminal => Ok(()),
            Operator::Absent => {
                let message = line![what, ", and there is no terminal to ask at"];
                Err(CliError::new(Kind::NeedsTerminal, message).hint(line![hint]))
            }
        }
    }

    /// The one bottle a verb is about, where it takes exactly one.
    pub(crate) fn single_bottle(&self) -> Result<Option<&Slug>, CliError> {
        match self.scope.as_slice() {
            [] => Ok(None),
            [slug] => Ok(Some(slug)),
            _ => Err(CliError::usage("this verb takes one --bottle")),
        }
    }
}

/// Prompts are written to stderr and answered on stdin.
fn operator() -> Operator {
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        Operator::AtTerminal
    } else {
        Operator::Absent
    }
}

fn root(globals: &Globals, environment: &Environment) -> Result<Root, CliError> {
    let given = globals.root.clone().or_else(|| environment.root.clone());
    let path = match (given, &environment.home) {
        (Some(path), _) => path,
        (None, Some(home)) => Root::in_home(home).path().to_owned(),
        (None, None) => {
            let error = CliError::usage("there is no home directory to find the queues in");
            return Err(error.hint("name the root with --root DIR or SUPERVISE_ROOT"));
        }
    };
    absolute(path).map(Root::new)
}

/// What is printed and stored about the root must mean the same from any directory.
fn absolute(path: PathBuf) -> Result<PathBuf, CliError> {
    std::path::absolute(path).map_err(|source| CliError::usage("the root is no path").because(source))
}
