//! Texts to compare. The same ones in every run: a generator with a fixed seed.

/// One text and what became of it.
pub(super) struct Pair {
    pub(super) before: String,
    pub(super) after: String,
}

const MEBIBYTE: usize = 1 << 20;

/// SplitMix64: enough to look unordered.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A file of routes in which every twentieth line is another.
pub(super) fn five_percent_changed(lines: usize) -> Pair {
    let mut numbers = Numbers(1);
    let (mut before, mut after) = (String::new(), String::new());
    for number in 0..lines {
        let line = format!("  - host: api-{number}.example.com\n");
        before += &line;
        after += &match numbers.next() % 20 {
            0 => format!("  - host: api-{number}.example.org\n"),
            _ => line,
        };
    }
    Pair { before, after }
}

/// What makes a diff search longest, 1 MiB each.
pub(super) fn adversarial() -> Vec<(&'static str, Pair)> {
    vec![
        (
            "every line changed",
            pair(|number, _| number, |number, _| number + 500_000_000),
        ),
        ("the same lines in another order", shuffled()),
        (
            "seven lines, in no order",
            pair(|_, random| random % 7, |_, random| random % 7),
        ),
        ("two lines, one byte each", bits()),
    ]
}

fn pair(before: impl Fn(u64, u64) -> u64, after: impl Fn(u64, u64) -> u64) -> Pair {
    Pair {
        before: text(Numbers(2), before),
        after: text(Numbers(3), after),
    }
}

fn text(mut numbers: Numbers, value: impl Fn(u64, u64) -> u64) -> String {
    let line = |number| format!("  - path: /v1/{:09}/\n", value(number, numbers.next()));
    fill((0..).map(line))
}

fn shuffled() -> Pair {
    let before = pair(|number, _| number, |number, _| number).before;
    let mut lines: Vec<&str> = before.split_inclusive('\n').collect();
    let mut numbers = Numbers(4);
    for last in (1..lines.len()).rev() {
        lines.swap(last, (numbers.next() % (last as u64 + 1)) as usize);
    }
    let after = lines.concat();
    Pair { before, after }
}

fn bits() -> Pair {
    let text = |seed| {
        let mut numbers = Numbers(seed);
        fill(std::iter::repeat_with(|| {
            if numbers.next().is_multiple_of(2) {
                "a\n"
            } else {
                "b\n"
            }
            .to_owned()
        }))
    };
    Pair {
        before: text(5),
        after: text(6),
    }
}

fn fill(lines: impl Iterator<Item = String>) -> String {
    let mut text = String::with_capacity(MEBIBYTE);
    for line in lines {
        if text.len() + line.len() > MEBIBYTE {
            break;
        }
        text += &line;
    }
    text
}
