//! `supervise man`.

use std::fs;

use crate::world::World;

#[test]
fn every_verb_has_a_page_with_its_examples() {
    let world = World::new();
    let dir = world.path("man1");
    let ran = world.run(&["man", dir.to_str().unwrap()]).expect(0);
    assert_eq!(ran.out, "");
    let mut pages: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    pages.sort();
    assert!(
        ran.err.starts_with(&format!("{} pages are in ", pages.len())),
        "{}",
        ran.err
    );
    let names: Vec<_> = pages
        .iter()
        .map(|page| page.file_name().unwrap().to_str().unwrap())
        .collect();
    for name in [
        "supervise.1",
        "supervise-approve.1",
        "supervise-audit-list.1",
        "supervise-routes-show.1",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("help")), "{names:?}");
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        for section in [
            ".TH ",
            ".SH NAME\n",
            ".SH SYNOPSIS\n",
            ".SH OPTIONS\n",
            ".SH EXAMPLES\n.nf\n  supervise ",
        ] {
            assert!(
                text.contains(section),
                "{}: no {section:?} in {text}",
                page.display()
            );
        }
    }
    // Nothing of a line is lost to roff, which takes backslashes and dots for its own.
    let text = fs::read_to_string(dir.join("supervise-modify.1")).unwrap();
    assert!(text.contains("\\-\\-json | jq \\-r .proposed_file"), "{text}");
}

#[test]
fn without_a_directory_the_programs_own_page_is_printed() {
    let world = World::new();
    let page = world.run(&["man"]).expect(0).out;
    assert!(
        page.contains(".TH supervise 1") && page.contains("supervise\\-approve(1)"),
        "{page}"
    );
    assert!(!page.contains("<U+"), "{page}");
}
