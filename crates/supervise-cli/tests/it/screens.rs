//! The pictures in `docs/operating.md` are what the program prints, on a terminal of 80 columns.

use std::fs;
use std::path::Path;

use supervise_core::{Proposal, Tool};
use time::macros::datetime;

use crate::terminal::Terminal;
use crate::world::{World, fixed};

const QUESTION: &str = "[a/m/r/S/q/?] ";
const ROUTES: &str = "# by hand\nroutes:\n  - host: pypi.org\n    path_allowlist: [/simple/]\n";
const CONFIG: &str =
    "operator = \"ada\"\n[egress]\nroutes_file = \"egress/{slug}/routes.yaml\"\nreload = [\"true\"]\n";
const WHEELS: &str =
    "{\n  \"host\": \"files.pythonhosted.org\",\n  \"path_allowlist\": [\n    \"/packages/\"\n  ]\n}\n";
const PAGES: &str = "{\n  \"host\": \"github.io\"\n}\n";
const IMAGE: &str = "FROM debian:13\nRUN apt-get update && apt-get install -y build-essential\n";
/// What differs from run to run: `d` is a digit, `x` one of a hash, which is over the times and the operator too.
const MASKS: [(&str, &str); 3] = [
    (
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "0b5c9e1d7a42f86350cde8914b7a2f6db1c03e95a8d7764f2e10c9b3a5d8f7e4",
    ),
    ("2ddd-dd-dd", "2026-11-20"),
    ("dd:dd:dd", "23:24:05"),
];

/// A world with three proposals, and a file of routes.
fn world() -> World {
    let world = World::new();
    fs::create_dir_all(world.root.path().join("egress/dev")).unwrap();
    fs::write(world.root.path().join("egress/dev/routes.yaml"), ROUTES).unwrap();
    fs::write(world.root.path().join("supervise.toml"), CONFIG).unwrap();
    let ask = |bottle, n, tool, file, why| world.propose(fixed(bottle, n, tool, file, why));
    ask(
        "dev",
        1,
        Tool::EgressAllow,
        WHEELS,
        "pip install fails: the wheels are served from there",
    );
    ask(
        "dev",
        2,
        Tool::EgressAllow,
        PAGES,
        "the docs of a dependency\n(they are on its pages)",
    );
    ask(
        "ci",
        3,
        Tool::CapabilityBlock,
        IMAGE,
        "the build needs a C compiler",
    );
    world
}

fn id(number: u128) -> String {
    fixed("dev", number, Tool::GitleaksAllow, "", "").id
}

/// What is on the terminal when `last` has appeared.
fn played(world: &World, arguments: &[&str], steps: &[(&str, &str)], last: &str) -> String {
    let script = world.path("editor.sh");
    fs::write(
        &script,
        "for f; do :; done\nsed -i s,/packages/,/packages/py3/, \"$f\"\n",
    )
    .unwrap();
    let editor = format!("sh {}", script.display());
    let mut terminal = Terminal::start(world, arguments, &[("EDITOR", &editor)]);
    for (wait, keys) in steps {
        terminal.wait_for(wait);
        terminal.type_in(keys);
    }
    if last.is_empty() {
        terminal.wait();
    } else {
        terminal.wait_for(last);
    }
    terminal.screen().replace('\r', "")
}

fn printed(world: &World, arguments: &[&str]) -> String {
    played(world, arguments, &[], "")
}

/// Two proposals that were delivered long ago, an answer that nobody gave, and a proposal that says it will come.
fn grow_old(world: &World) {
    for number in [5, 6] {
        let old = fixed("dev", number, Tool::EgressAllow, WHEELS, "last year");
        let old = world.propose(old.with_arrival(datetime!(1999-12-31 00:00 UTC)));
        let id = old.id;
        let archive = format!("UPDATE supervise_proposals SET archived = 1 WHERE id = '{id}'");
        world.sql("dev", &archive);
    }
    let answered = world.propose(fixed("dev", 7, Tool::EgressAllow, WHEELS, "nobody was asked"));
    let answer = format!("VALUES ('{}', 'approved', '', NULL, 0)", answered.id);
    world.sql("dev", &format!("INSERT INTO supervise_responses {answer}"));
    world.propose(fixed("dev", 8, Tool::EgressAllow, WHEELS, "a clock is wrong"));
}

fn watched(world: &World) -> String {
    let mut terminal = Terminal::start(world, &["watch"], &[]);
    terminal.wait_for("pending");
    let more: Proposal = world.propose(fixed("dev", 4, Tool::EgressAllow, WHEELS, "again"));
    terminal.wait_for("arrived");
    world
        .run(&["reject", &more.id, "--notes", "one is enough"])
        .expect(0);
    terminal.wait_for("rejected");
    terminal.wait_for("\n");
    terminal.screen().replace('\r', "")
}

/// Every screen, by the name it has in the page.
fn screens() -> Vec<(&'static str, String)> {
    let world = world();
    let mut screens = vec![
        ("list", printed(&world, &["list"])),
        ("show", printed(&world, &["show", &id(1)])),
    ];
    let review = ["review", "--bottle", "dev"];
    let danger = [(QUESTION, "s"), (QUESTION, "a")];
    let danger = played(&world, &review, &danger, "all the same: ");
    let from = danger.rfind("1 to decide").unwrap();
    screens.push(("review", danger[from..].to_owned()));
    let modify = ["modify", &id(1)];
    screens.push(("modify", played(&world, &modify, &[], "[y/N] ")));
    screens.push(("watch", watched(&world)));
    world.run(&["approve", &id(1)]).expect(0);
    let reject = ["reject", &id(2), "--notes", "use the copy on the mirror"];
    let refused = [printed(&world, &reject), printed(&world, &["reopen", &id(2)])];
    screens.push(("reject and reopen", refused.concat()));
    screens.push(("audit list", printed(&world, &["audit", "list"])));
    screens.push(("audit verify", printed(&world, &["audit", "verify"])));
    screens.push(("routes show", printed(&world, &["routes", "show", "dev"])));
    let edit = ["routes", "edit", "dev"];
    screens.push(("routes edit", played(&world, &edit, &[], "[y/N] ")));
    screens.push(("routes check", printed(&world, &["routes", "check", "dev"])));
    grow_old(&world);
    screens.push(("prune", played(&world, &["prune"], &[], "[y/N] ")));
    screens.push(("doctor", printed(&world, &["doctor", "--bottle", "dev"])));
    screens
        .into_iter()
        .map(|(name, text)| (name, steady(&world, &text)))
        .collect()
}

/// The same on every machine and at any time.
fn steady(world: &World, text: &str) -> String {
    let root = world.root.path().to_string_lossy().into_owned();
    let account = world.audit().first().and_then(|row| row.origin.operator.clone());
    let mut text = text.replace(&root, "~/.bot-bottle");
    if let Some(account) = account {
        text = text.replace(&account, "ada (ada)");
    }
    for (mask, instead) in MASKS {
        text = masked(&text, mask, instead);
    }
    let disk = supervise_store::Mount::of(world.root.path());
    text.replace(&format!(", on {}, which", disk.file_system()), ", on ext4, which")
}

/// Replaces what looks like `mask`.
fn masked(text: &str, mask: &str, instead: &str) -> String {
    let looks = |at: usize| {
        let piece = text.as_bytes().get(at..at + mask.len());
        piece.is_some_and(|piece| {
            let mut pairs = piece.iter().zip(mask.bytes());
            pairs.all(|(byte, mask)| match mask {
                b'd' => byte.is_ascii_digit(),
                b'x' => byte.is_ascii_hexdigit(),
                _ => *byte == mask,
            })
        })
    };
    let mut steady = String::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if looks(at) {
            steady.push_str(instead);
            at += mask.len();
        } else {
            steady.push(c);
            at += c.len_utf8();
        }
    }
    steady
}

/// The page with the block behind each screen's mark replaced.
fn with_screens(page: &str, screens: &[(&str, String)]) -> String {
    let mut page = page.to_owned();
    for (name, text) in screens {
        let mark = format!("<!-- screen: {name} -->\n```text\n");
        let from = page
            .find(&mark)
            .unwrap_or_else(|| panic!("no {mark:?} in the page"))
            + mark.len();
        let to = from + page[from..].find("```").unwrap();
        page.replace_range(from..to, &format!("{}\n", text.trim_end()));
    }
    page
}

#[test]
fn the_pictures_are_what_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operating.md");
    let page = fs::read_to_string(&path).unwrap();
    let drawn = with_screens(&page, &screens());
    if page != drawn {
        fs::write(&path, drawn).unwrap();
        panic!("the pictures in docs/operating.md were stale and have been drawn anew: commit them");
    }
}
