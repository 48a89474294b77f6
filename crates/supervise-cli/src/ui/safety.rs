//! Whatever an agent writes, a terminal is told to print it and to begin new lines, and nothing else; and what
//! is printed reads back to what was written.

mod printed;

use proptest::prelude::*;
use supervise_core::Tool;
use vte::{Params, Parser, Perform};

use self::printed::{card_of, everything, item, notifications};
use super::{Colours, rendered};
use crate::apply::LiveFile;

/// What a terminal would do beyond printing.
#[derive(Default)]
struct Screen {
    text: String,
    colours: usize,
    acted: Vec<String>,
}

impl Perform for Screen {
    fn print(&mut self, c: char) {
        self.text.push(c);
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.text.push('\n'),
            other => self.acted.push(format!("control {other:#x}")),
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], _: bool, action: char) {
        let params: Vec<u16> = params.iter().flatten().copied().collect();
        match (params.as_slice(), intermediates, action) {
            ([0 | 1 | 2 | 31 | 32 | 33 | 36], [], 'm') => self.colours += 1,
            other => self.acted.push(format!("CSI {other:?}")),
        }
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        self.acted.push(format!("ESC {byte:#x}"));
    }

    fn osc_dispatch(&mut self, _: &[&[u8]], _: bool) {
        self.acted.push("OSC".into());
    }

    fn hook(&mut self, _: &Params, _: &[u8], _: bool, _: char) {
        self.acted.push("DCS".into());
    }
}

fn screen(text: &str) -> Screen {
    let mut screen = Screen::default();
    // A sequence that was only begun acts on what comes next.
    Parser::new().advance(&mut screen, format!("{text}mm").as_bytes());
    if !screen.text.ends_with("mm") {
        screen.acted.push("an open sequence".into());
    }
    screen.text.truncate(screen.text.len().saturating_sub(2));
    screen
}

#[track_caller]
fn assert_harmless(text: &str, columns: usize) {
    let lines = everything(text, columns);
    let plain = screen(&rendered(&lines, Colours::Off, Some(columns)));
    assert_eq!(
        (plain.acted, plain.colours),
        (Vec::<String>::new(), 0),
        "{text:?}"
    );
    let coloured = screen(&rendered(&lines, Colours::On, Some(columns)));
    assert_eq!(coloured.acted, Vec::<String>::new(), "{text:?}");
    assert!(coloured.colours > 0);
    assert_eq!(coloured.text, plain.text, "colours are all that differs");
    for told in notifications(text) {
        let told = screen(&told);
        assert_eq!(told.acted, Vec::<String>::new(), "{text:?}");
        assert!(!told.text.contains('\n'), "{text:?}");
    }
}

/// The agent's reason as it stands behind the gutter of a printed card.
fn reason_on(printed: &str) -> Vec<&str> {
    let from_reason = printed.lines().skip_while(|line| *line != "why").skip(1);
    let reason = from_reason.take_while(|line| *line != "change");
    reason.map(|line| line.strip_prefix("│ ").unwrap()).collect()
}

fn unescaped(shown: &str) -> String {
    // An arrow of the text's own would be escaped.
    let shown = shown.replace("→   ", "\t");
    let mut parts = shown.split("<U+");
    let mut raw = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once('>').unwrap();
        raw.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
        raw.push_str(rest);
    }
    raw
}

#[track_caller]
fn assert_reads_back(text: &str) {
    let item = item(Tool::GitleaksAllow, text);
    let print = |columns: Option<usize>| {
        let card = card_of(&item, &LiveFile::NotConfigured, columns);
        screen(&rendered(&card, Colours::Off, columns)).text
    };
    let whole = print(None);
    assert_eq!(unescaped(&reason_on(&whole).join("\n")), text);
    let wrapped = print(Some(80));
    let (pieces, joined) = (reason_on(&wrapped).concat(), text.replace('\n', ""));
    assert_eq!(unescaped(&pieces), joined);
}

const CORPUS: [&str; 16] = [
    "a\tb    c",
    "→   → \t\t",
    "\u{1b}[2J",
    "\u{1b}]0;title\u{7}",
    "\u{1b}]52;c;aGk=\u{1b}\\",
    "\u{1b}P+q\u{1b}\\",
    "\u{1b}[31",
    "\u{9b}31m",
    "\u{9d}0;x\u{9c}",
    "\r",
    "\u{8}",
    "\u{7f}",
    "\u{202e}",
    "\nstatus: approved\n",
    "日本語 e\u{301} 🦀\u{200d}🦀",
    "<U+001B>",
];

/// Text as an attacker would write it: anything at all, and what terminals act on.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => proptest::sample::select(CORPUS.to_vec()).prop_map(str::to_owned),
        2 => any::<String>(),
        1 => "[ -~]{0,120}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_an_agent_writes_is_acted_on(text in hostile(), columns in 20_usize..140) {
        assert_harmless(&text, columns);
    }

    #[test]
    fn a_printed_reason_reads_back(text in hostile()) {
        assert_reads_back(&text);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal(text in hostile(), columns in 20_usize..140) {
        let printed = rendered(&everything(&text, columns), Colours::Off, Some(columns));
        for line in printed.lines() {
            prop_assert!(console::measure_text_width(line) <= columns, "{line:?}");
        }
    }
}

#[test]
fn every_code_point_on_a_card() {
    let all: Vec<char> = (0..=0x10_FFFF).filter_map(char::from_u32).collect();
    for chunk in all.chunks(8192) {
        let text: String = chunk.iter().collect();
        let item = item(Tool::GitleaksAllow, &text);
        let card = card_of(&item, &LiveFile::NotConfigured, Some(80));
        assert_eq!(
            screen(&rendered(&card, Colours::Off, Some(80))).acted,
            Vec::<String>::new()
        );
        assert_reads_back(&text);
    }
}

#[test]
fn the_parser_sees_what_it_should() {
    for hostile in [
        "\u{1b}[2J",
        "\r",
        "\u{7}",
        "\u{1b}]0;t\u{7}",
        "\u{1b}[31",
        "\u{1b}c",
    ] {
        assert!(!screen(hostile).acted.is_empty(), "{hostile:?}");
    }
}
