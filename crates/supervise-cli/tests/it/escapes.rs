//! Agent text, hostile in every field it controls: nothing that is printed holds a control character.

use supervise_core::{Proposal, SafeText, Tool};

use crate::world::{Ran, World, slug};

/// What terminals act on, and what people can't see.
const CORPUS: [&str; 18] = [
    "\u{1b}[2J\u{1b}[H",                                      // clears the screen
    "\u{1b}[1A\u{1b}[2Kapproved",                             // rewrites the line above
    "\u{1b}]8;;https://evil.example\u{7}text\u{1b}]8;;\u{7}", // OSC 8: a link
    "\u{1b}]52;c;cm0gLXJmIC8=\u{7}",                          // OSC 52: the clipboard
    "\u{1b}]0;title\u{1b}\\",                                 // the title
    "\u{1b}P+q544e\u{1b}\\",                                  // DCS
    "\u{1b}c",                                                // reset
    "\u{9b}31mred",                                           // C1 CSI
    "\u{9d}52;c;eA==\u{9c}",                                  // C1 OSC
    "deny\rallow",                                            // overwrites the line
    "bad\u{8}\u{8}\u{8}good",                                 // backspace
    "\0\u{7}\u{b}\u{c}\u{e}\u{f}\u{7f}",
    "\u{202e}moc.live\u{202c}",               // bidi override
    "\u{2066}a\u{2069}\u{200f}",              // isolates and marks
    "a\u{200b}b\u{200d}c\u{feff}d\u{2060}",   // zero width
    "\u{e0041}\u{e0062}",                     // tags
    "\u{3164}\u{2800}\u{a0}\u{ad}",           // blanks that aren't
    "\u{2028}status: approved\u{2029}\u{85}", // other newlines
];

fn corpus() -> String {
    CORPUS.join(" ")
}

/// Every character is visible, or the newline of a line.
#[track_caller]
fn assert_safe(what: &str, ran: &Ran) {
    for text in [&ran.out, &ran.err] {
        let shown = SafeText::new(&text.replace("<U+", "<V+"));
        assert_eq!(shown.as_str(), text.replace("<U+", "<V+"), "{what}");
    }
}

/// A world in which everything an agent or its bottle can write is hostile.
fn world() -> (World, Vec<Proposal>) {
    let world = World::new();
    let corpus = corpus();
    let route = serde_json::json!({"host": corpus, "path_allowlist": [corpus]}).to_string();
    let mut proposals = vec![
        Proposal::new(&slug("dev"), Tool::EgressAllow, &route, &corpus),
        Proposal::new(&slug("dev"), Tool::CapabilityBlock, &corpus, &corpus),
        Proposal::new(
            &slug("dev"),
            Tool::GitleaksAllow,
            format!("\n{corpus}\n"),
            format!("\n\n{corpus}"),
        ),
    ];
    proposals[1].arrival_timestamp = corpus.clone();
    proposals[2].current_file_hash = corpus.clone();
    for proposal in &proposals {
        world.propose(proposal.clone());
    }
    let quoted = corpus.replace('\'', "''").replace('\0', "");
    for (id, bottle, tool) in [
        (&*quoted, "dev", "egress-allow"),
        ("x", &*quoted, "egress-allow"),
        ("y", "dev", &*quoted),
    ] {
        let values =
            format!("'{id}', '{bottle}', '{tool}', '{quoted}', '{quoted}', '{quoted}', '{quoted}', 0");
        world.sql(
            "dev",
            &format!("INSERT INTO supervise_proposals VALUES ({values})"),
        );
    }
    let name = corpus
        .replace(['\0', '/'], "")
        .chars()
        .take(60)
        .collect::<String>();
    std::fs::create_dir(world.root.queues_dir().join(name)).unwrap();
    world.ask("hurt");
    let trigger =
        format!("CREATE TRIGGER \"{quoted}\" AFTER INSERT ON supervise_proposals BEGIN SELECT 1; END");
    world.sql("hurt", &trigger);
    (world, proposals)
}

#[test]
fn nothing_printed_is_acted_on() {
    let (world, proposals) = world();
    let dev = ["--bottle", "dev"];
    let run = |arguments: &[&str]| {
        let ran = world.run(&[arguments, &dev].concat());
        assert_safe(&arguments.join(" "), &ran);
        ran
    };
    assert_safe("list", &world.run(&["list"]).expect(1));
    assert_safe("list --json", &world.run(&["list", "--json"]).expect(1));
    run(&["list"]).expect(0);
    run(&["list", "--json"]).expect(0);
    for proposal in &proposals {
        let shown = run(&["show", &proposal.id]).expect(0);
        assert!(
            shown.out.contains("<U+001B>") && shown.out.contains("<U+202E>"),
            "{}",
            shown.out
        );
        run(&["show", &proposal.id, "--json"]).expect(0);
        run(&["approve", &format!("{}@00000000", proposal.id)]).expect(5);
    }
    run(&["approve", "--all"]).expect(6);
    run(&["modify", &proposals[0].id, "--file", "-"]).expect(2);
    run(&["reject", &proposals[0].id, "--notes", &corpus().replace('\0', "")]).expect(0);
    run(&["approve", &proposals[1].id]).expect(0);
    run(&["approve", &proposals[1].id]).expect(4);
    let bad = format!("{{\"host\": \"{}\"}}", "\u{202e}evil.example\u{200b}");
    std::fs::write(world.path("final"), &bad).unwrap();
    run(&["audit", "list"]).expect(0);
    run(&["audit", "list", "--json"]).expect(0);
    run(&["audit", "export"]).expect(0);
}

#[test]
fn json_still_says_exactly_what_was_asked() {
    let (world, proposals) = world();
    let listed = world.run(&["list", "--json", "--bottle", "dev"]).expect(0).json();
    for proposal in &proposals {
        let object = listed
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["id"] == proposal.id)
            .unwrap();
        assert_eq!(object["proposed_file"], proposal.proposed_file);
        assert_eq!(object["justification"], proposal.justification);
        assert_eq!(object["arrival_timestamp"], proposal.arrival_timestamp);
    }
    world.run(&["approve", &proposals[1].id]).expect(0);
    let exported = world.run(&["audit", "export"]).expect(0).json_lines();
    assert_eq!(exported[0]["justification"], proposals[1].justification);
}

#[test]
fn what_was_pasted_into_the_command_line_is_escaped() {
    let world = World::new();
    let hostile = corpus().replace('\0', "");
    let all: &[&[&str]] = &[
        &["show", &hostile],
        &["approve", &hostile],
        &[&hostile],
        &["list", "--bottle", &hostile],
        &["list", "--root", &hostile],
        &["prepare", &hostile],
        &["submit", &hostile, "--file", "x", "--justification", "j"],
        &[
            "submit",
            "gitleaks-allow",
            "--bottle",
            "dev",
            "--file",
            &hostile,
            "--justification",
            "j",
        ],
        &[
            "submit",
            "gitleaks-allow",
            "--queue-dir",
            &hostile,
            "--file",
            "-",
            "--justification",
            "j",
        ],
        &["completions", &hostile],
        &["list", "--color", &hostile],
    ];
    for arguments in all {
        assert_safe(arguments[0], &world.run(arguments));
    }
}
