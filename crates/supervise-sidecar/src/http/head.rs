//! Finds requests whose length could be read in two ways.
//!
//! The HTTP library hides a Content-Length that stands beside a Transfer-Encoding, so the bytes are
//! watched on their way in. Only lengths are read here; everything else is the library's business. A length
//! that the library may understand and this doesn't is refused, for where such a request ends nobody knows.

/// The longest beginning of a line that matters: `content-length:` and a number.
const LINE_BYTES: usize = 48;
/// A body in chunks ends with this, with or without trailers. Within one it may stand as well.
const CHUNKS_END: [u8; 4] = *b"\r\n\r\n";

/// Follows the heads of the requests on one connection.
#[derive(Debug)]
pub(super) struct HeadWatch {
    state: State,
    line: [u8; LINE_BYTES],
    length: usize,
    head: Head,
    /// Heads that have ended.
    heads: u64,
    whole: isize,
}

#[derive(Debug, Default)]
struct Head {
    begun: bool,
    content_length: Option<Length>,
    transfer_encoding: bool,
}

/// Whether where a request ends can be read in one way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clarity {
    Clear,
    Ambiguous,
}

/// A Content-Length as far as it can be read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Bytes(u64),
    Unclear,
}

#[derive(Debug)]
enum State {
    Head,
    /// So many bytes of body are to come.
    Body(u64),
    /// Of a body in chunks, the last of its connection, these were the last bytes.
    Chunks([u8; CHUNKS_END.len()]),
    /// What follows is not read: of a request with an unclear length, or behind a body in chunks.
    Last,
}

impl HeadWatch {
    pub(super) fn new() -> Self {
        HeadWatch {
            state: State::Head,
            line: [0; LINE_BYTES],
            length: 0,
            head: Head::default(),
            heads: 0,
            whole: 0,
        }
    }

    /// How many requests have ended since this was last asked. One of an unclear length ends with its head, which
    /// is all that its answer needs; one in chunks with the first bytes that may be their end.
    pub(super) fn take_whole(&mut self) -> isize {
        std::mem::take(&mut self.whole)
    }

    /// Reads on. Which request of the connection, the first is 1, states its length ambiguously, once its head
    /// has ended.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Option<u64> {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Last => return None,
                State::Chunks(last) => {
                    self.read_chunks(last, bytes);
                    return None;
                }
                State::Body(left) => self.skip(bytes, left),
                State::Head => {
                    let (line, rest) = split_line(bytes);
                    if self.read_line(line) == Clarity::Ambiguous {
                        return Some(self.heads);
                    }
                    rest
                }
            };
        }
        None
    }

    /// Whether a head has begun and has not ended.
    pub(super) fn is_within_head(&self) -> bool {
        matches!(self.state, State::Head) && (self.head.begun || self.length > 0)
    }

    /// Whether the next byte begins a head.
    pub(super) fn is_before_head(&self) -> bool {
        matches!(self.state, State::Head) && !self.is_within_head()
    }

    fn skip<'a>(&mut self, bytes: &'a [u8], left: u64) -> &'a [u8] {
        let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left - skipped as u64;
        self.state = if left == 0 {
            self.end_request()
        } else {
            State::Body(left)
        };
        &bytes[skipped..]
    }

    fn read_chunks(&mut self, mut last: [u8; CHUNKS_END.len()], bytes: &[u8]) {
        for byte in bytes {
            last.rotate_left(1);
            last[CHUNKS_END.len() - 1] = *byte;
            if last == CHUNKS_END {
                self.whole += 1;
                self.state = State::Last;
                return;
            }
        }
        self.state = State::Chunks(last);
    }

    /// Takes a piece of a line; its newline, if it is there, ends it.
    fn read_line(&mut self, piece: &[u8]) -> Clarity {
        let at = self.length.min(LINE_BYTES);
        let room = (LINE_BYTES - at).min(piece.len());
        self.line[at..at + room].copy_from_slice(&piece[..room]);
        self.length += piece.len();
        if piece.last() != Some(&b'\n') {
            return Clarity::Clear;
        }
        let line = self.line;
        match std::mem::take(&mut self.length) {
            length @ ..=LINE_BYTES if line[..length].trim_ascii().is_empty() => self.read_empty_line(),
            length @ ..=LINE_BYTES => self.head.read_line(line[..length].trim_ascii(), number),
            // What is cut off may be a part of the number.
            _ => self.head.read_line(&line, |_| Length::Unclear),
        }
    }

    fn read_empty_line(&mut self) -> Clarity {
        // Empty lines before the request line are skipped by the library too.
        if self.head.begun {
            self.end_head()
        } else {
            Clarity::Clear
        }
    }

    fn end_head(&mut self) -> Clarity {
        let head = std::mem::take(&mut self.head);
        self.heads += 1;
        let (state, clarity) = match (head.transfer_encoding, head.content_length) {
            (true, None) => (State::Chunks([0; CHUNKS_END.len()]), Clarity::Clear),
            (true, Some(_)) | (false, Some(Length::Unclear)) => {
                self.whole += 1;
                (State::Last, Clarity::Ambiguous)
            }
            (false, None | Some(Length::Bytes(0))) => (self.end_request(), Clarity::Clear),
            (false, Some(Length::Bytes(length))) => (State::Body(length), Clarity::Clear),
        };
        self.state = state;
        clarity
    }

    fn end_request(&mut self) -> State {
        self.whole += 1;
        State::Head
    }
}

impl Head {
    /// Reads a line that isn't empty.
    fn read_line(&mut self, line: &[u8], length: impl FnOnce(&[u8]) -> Length) -> Clarity {
        self.begun = true;
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.transfer_encoding = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            // Several that differ are refused by the library.
            self.content_length = Some(length(value.get(1..).unwrap_or_default()));
        }
        Clarity::Clear
    }
}

fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    bytes.split_at(end.map_or(bytes.len(), |at| at + 1))
}

fn number(text: &[u8]) -> Length {
    let digits = text.trim_ascii();
    let number = std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse().ok());
    match number {
        // A number alone may have a sign.
        Some(bytes) if digits.iter().all(u8::is_ascii_digit) => Length::Bytes(bytes),
        _ => Length::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
    const LENGTH: &str = "content-LENGTH:  5\r\n";

    fn post(headers: &str, body: &str) -> String {
        format!("POST / HTTP/1.1\r\nHost: x\r\n{headers}\r\n{body}")
    }

    fn watch(bytes: &str, step: usize) -> bool {
        let mut watch = HeadWatch::new();
        bytes
            .as_bytes()
            .chunks(step)
            .any(|chunk| watch.read(chunk).is_some())
    }

    #[test]
    fn the_request_is_named() {
        let plain = post(LENGTH, "12345");
        let bytes = [plain.clone(), plain, post("Content-Length: x\r\n", "")].concat();
        assert_eq!(HeadWatch::new().read(bytes.as_bytes()), Some(3));
    }

    #[test]
    fn a_request_that_was_read_to_its_end_is_counted() {
        let chunks = post(CHUNKED, "3\r\nabc\r\n0\r\n\r\n");
        let trailers = post(CHUNKED, "0\r\nx: y\r\n\r\n");
        let unclear = post(&format!("Content-Length: 5{}\r\n", " ".repeat(100)), "12345");
        let plain = post(LENGTH, "12345");
        for (bytes, whole) in [
            (plain.repeat(3), 3),
            ([plain.clone(), chunks.clone()].concat(), 2),
            (trailers, 1),
            (unclear, 1),
            (post(&[CHUNKED, LENGTH].concat(), ""), 1),
            // What follows the last one is not read.
            (chunks.repeat(2), 1),
            ([chunks.as_str(), "GET / HTTP/1.1\r\n"].concat(), 1),
            // Half a request.
            (plain[..plain.len() - 1].to_owned(), 0),
            (chunks[..chunks.len() - 1].to_owned(), 0),
            (post(CHUNKED, ""), 0),
        ] {
            for step in [1, 2, 7, bytes.len()] {
                let mut watch = HeadWatch::new();
                let mut count = 0;
                for chunk in bytes.as_bytes().chunks(step) {
                    watch.read(chunk);
                    count += watch.take_whole();
                }
                assert_eq!(count, whole, "{step} {bytes}");
            }
        }
    }

    #[test]
    fn two_lengths_are_found_wherever_they_stand() {
        let plain = post(LENGTH, "\r\n\r\nx");
        let table = [
            (post(&[CHUNKED, LENGTH].concat(), ""), true),
            (post(&[LENGTH, CHUNKED].concat(), ""), true),
            (post(&[LENGTH, CHUNKED].concat(), "").replace("\r\n", "\n"), true),
            (
                format!("\r\n{plain}{}", post(&[LENGTH, CHUNKED].concat(), "")),
                true,
            ),
            (plain.clone(), false),
            (post(CHUNKED, ""), false),
            // A body is no head, whatever it says.
            (
                post(
                    "Content-Length: 45\r\n",
                    &[CHUNKED, "content-length: 5\r\n"].concat(),
                ),
                false,
            ),
            (post(CHUNKED, &post(&[LENGTH, CHUNKED].concat(), "")), false),
            (format!("{plain}{plain}{plain}"), false),
            // Whatever may be a length and isn't a short plain number.
            (
                post(&format!("Content-Length:{}5\r\n", " ".repeat(40)), "12345"),
                true,
            ),
            (
                post(&format!("Content-Length:{}5\r\n", "0".repeat(40)), "12345"),
                true,
            ),
            (post("Content-Length: 0000000005\r\n", "12345"), false),
            (post("Content-Length: 5, 5\r\n", "12345"), true),
            (post("Content-Length: +5\r\n", "12345"), true),
            (post("Content-Length: \r\n", ""), true),
            (
                post(
                    &format!("Content-Length-Of-The-Other: {}5\r\n", " ".repeat(40)),
                    "",
                ),
                false,
            ),
            (
                post("X-Content-Length: 5\r\nContent-Lengths: 5\r\n", "")
                    .replace("\r\n\r\n", &format!("\r\n{CHUNKED}\r\n")),
                false,
            ),
        ];
        for (bytes, expected) in table {
            for step in [1, 2, 7, bytes.len()] {
                assert_eq!(watch(&bytes, step), expected, "{step} {bytes}");
            }
        }
    }
}
