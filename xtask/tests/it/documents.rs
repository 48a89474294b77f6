//! Workflows and examples are read by programs that no test here starts, so they are held to their form at least.

use std::fs;
use std::path::{Path, PathBuf};

use granit_parser::{Event, Parser};

const FOLDERS: [&str; 2] = [".github/workflows", "deploy"];

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let entries = FOLDERS
        .iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|kind| kind == "yaml" || kind == "yml")
        })
        .collect()
}

/// How many values a text has, or where it stops being YAML.
fn count_values(text: &str) -> Result<usize, String> {
    let mut count = 0;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| error.to_string())?;
        count += usize::from(matches!(event, Event::Scalar(..)));
    }
    Ok(count)
}

#[test]
fn every_workflow_and_example_is_yaml() {
    let documents = documents();
    assert!(documents.len() >= 3, "{documents:?}");
    for path in documents {
        let count = count_values(&fs::read_to_string(&path).unwrap());
        assert!(
            count.as_ref().is_ok_and(|count| *count > 10),
            "{}: {count:?}",
            path.display()
        );
    }
}

#[test]
fn what_is_no_yaml_is_noticed() {
    assert!(count_values("jobs:\n  all: [one\n").is_err());
    assert!(count_values("a: b: c\n").is_err());
}

/// A tag can be moved to other code; a commit can't.
#[test]
fn every_action_is_pinned_to_a_commit() {
    let mut pinned = 0;
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        for action in text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- uses: "))
        {
            let (_, version) = action.split_once('@').unwrap_or_default();
            let commit = version.split(' ').next().unwrap_or_default();
            let is_commit = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
            assert!(is_commit, "{}: {action}", path.display());
            pinned += 1;
        }
    }
    assert!(pinned >= 3, "{pinned}");
}
