//! Escaping: a terminal does nothing but print, and what is shown reads back to one original.
#![no_main]

use libfuzzer_sys::fuzz_target;
use supervise_core::{SafeLine, SafeText, mask_secrets, render_diff};

/// A terminal that only prints and ends lines.
struct Paper {
    lines: bool,
}

impl vte::Perform for Paper {
    fn execute(&mut self, byte: u8) {
        assert!(self.lines && byte == b'\n', "the terminal acted on {byte:#04x}");
    }

    fn hook(&mut self, _: &vte::Params, _: &[u8], _: bool, _: char) {
        panic!("the terminal read a device control string");
    }

    fn osc_dispatch(&mut self, _: &[&[u8]], _: bool) {
        panic!("the terminal read an operating system command");
    }

    fn csi_dispatch(&mut self, _: &vte::Params, _: &[u8], _: bool, _: char) {
        panic!("the terminal read a control sequence");
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, _: u8) {
        panic!("the terminal read an escape sequence");
    }
}

/// Undoes the escaping of one line.
fn read_back(shown: &str) -> String {
    let mut raw = String::new();
    let mut rest = shown;
    while let Some(at) = rest.find("<U+") {
        raw.push_str(&rest[..at]);
        let end = at + rest[at..].find('>').expect("an escape has an end");
        let code = u32::from_str_radix(&rest[at + 3..end], 16).expect("an escape is hexadecimal");
        raw.push(char::from_u32(code).expect("an escape is a character"));
        rest = &rest[end + 1..];
    }
    raw + rest
}

fuzz_target!(|raw: &str| {
    let line = SafeLine::new(raw);
    vte::Parser::new().advance(&mut Paper { lines: false }, line.as_str().as_bytes());
    assert_eq!(read_back(line.as_str()), raw);

    let text = SafeText::new(raw);
    vte::Parser::new().advance(&mut Paper { lines: true }, text.as_str().as_bytes());
    // A tab is an arrow and three blanks there; an arrow of the text's own is escaped.
    assert_eq!(read_back(&text.as_str().replace("→   ", "\t")), raw);

    let _ = mask_secrets(raw);
    let (before, after) = raw.split_at(raw.floor_char_boundary(raw.len() / 2));
    assert_eq!(render_diff(before, after, "file").is_empty(), before == after);
});
