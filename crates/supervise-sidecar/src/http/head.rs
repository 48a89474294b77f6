//! Finds requests that state their length in two ways.
//!
//! The HTTP library hides a Content-Length that stands beside a Transfer-Encoding, so the bytes are
//! watched on their way in. Only lengths are read here; everything else is the library's business.

/// The longest beginning of a line that matters: `content-length:` and a number.
const LINE_BYTES: usize = 48;

/// Follows the heads of the requests on one connection.
#[derive(Debug)]
pub(super) struct HeadWatch {
    state: State,
    line: [u8; LINE_BYTES],
    length: usize,
    head: Head,
    whole: isize,
}

#[derive(Debug, Default)]
struct Head {
    begun: bool,
    content_length: Option<u64>,
    transfer_encoding: bool,
}

#[derive(Debug)]
enum State {
    Head,
    /// So many bytes of body are to come.
    Body(u64),
    /// A request with Transfer-Encoding is the last of its connection: what follows is not read.
    Last,
}

impl HeadWatch {
    pub(super) fn new() -> Self {
        HeadWatch {
            state: State::Head,
            line: [0; LINE_BYTES],
            length: 0,
            head: Head::default(),
            whole: 0,
        }
    }

    /// How many requests have ended since this was last asked. One in chunks is never seen to end.
    pub(super) fn take_whole(&mut self) -> isize {
        std::mem::take(&mut self.whole)
    }

    /// Reads on. True once a head has both kinds of length.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> bool {
        let mut ambiguous = false;
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Last => return ambiguous,
                State::Body(left) => self.skip(bytes, left),
                State::Head => {
                    let (line, rest) = split_line(bytes);
                    ambiguous |= self.read_line(line);
                    rest
                }
            };
        }
        ambiguous
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

    /// Takes a piece of a line; its newline, if it is there, ends it.
    fn read_line(&mut self, piece: &[u8]) -> bool {
        let room = (LINE_BYTES - self.length).min(piece.len());
        self.line[self.length..self.length + room].copy_from_slice(&piece[..room]);
        self.length += room;
        if piece.last() != Some(&b'\n') {
            return false;
        }
        let line = self.line;
        let length = std::mem::take(&mut self.length);
        self.head.read_line(line[..length].trim_ascii()) && self.end_head()
    }

    fn end_head(&mut self) -> bool {
        let head = std::mem::take(&mut self.head);
        self.state = match (head.transfer_encoding, head.content_length) {
            (true, _) => State::Last,
            (false, None | Some(0)) => self.end_request(),
            (false, Some(length)) => State::Body(length),
        };
        head.transfer_encoding && head.content_length.is_some()
    }
}

impl HeadWatch {
    fn end_request(&mut self) -> State {
        self.whole += 1;
        State::Head
    }
}

impl Head {
    /// True at the empty line that ends the head.
    fn read_line(&mut self, line: &[u8]) -> bool {
        if line.is_empty() {
            // Empty lines before the request line are skipped by the library too.
            return self.begun;
        }
        self.begun = true;
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.transfer_encoding = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            // A length that is no number is refused by the library.
            self.content_length = Some(number(value.get(1..).unwrap_or_default()).unwrap_or(0));
        }
        false
    }
}

fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    bytes.split_at(end.map_or(bytes.len(), |at| at + 1))
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
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
        bytes.as_bytes().chunks(step).any(|chunk| watch.read(chunk))
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
