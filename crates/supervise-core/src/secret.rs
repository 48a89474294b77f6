//! What looks like a secret: the formats that issuers chose so that they can be found.

/// What stands in a secret's place.
const MASK: &str = "***";
const KEY_BEGIN: &str = "-----BEGIN ";
const KEY_END: &str = "-----END ";
const KEY_MARK: &str = "PRIVATE KEY-----";

/// How far is looked before it is clear what something is; hostile texts are made of beginnings.
const LOOK_AHEAD: usize = 128;
const MAX_HEAD: usize = 512;
const MAX_KEY_NAME: usize = 64;

/// A prefix, and how the rest goes on.
struct Format {
    kind: &'static str,
    prefixes: &'static [&'static str],
    min: usize,
    more: fn(u8) -> bool,
}

const fn format(
    kind: &'static str,
    prefixes: &'static [&'static str],
    min: usize,
    more: fn(u8) -> bool,
) -> Format {
    Format {
        kind,
        prefixes,
        min,
        more,
    }
}

static FORMATS: [Format; 22] = [
    format(
        "GitHub token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        20,
        is_word,
    ),
    format("GitHub token", &["github_pat_"], 20, is_word),
    format(
        "GitLab token",
        &["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-"],
        16,
        is_wordy,
    ),
    format("API key", &["sk-"], 20, is_wordy),
    format(
        "Stripe key",
        &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"],
        16,
        is_word,
    ),
    format("AWS key id", &["AKIA", "ASIA", "ABIA", "ACCA"], 16, is_upper),
    format(
        "Slack token",
        &[
            "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxe.", "xapp-",
        ],
        10,
        is_dotted,
    ),
    format("Google key", &["AIza"], 35, is_wordy),
    format("Google token", &["ya29.", "GOCSPX-"], 20, is_dotted),
    format("npm token", &["npm_"], 30, is_word),
    format("PyPI token", &["pypi-"], 40, is_wordy),
    format("crates.io token", &["cio"], 32, is_word),
    format("Docker token", &["dckr_pat_", "dckr_oat_"], 20, is_wordy),
    format("Hugging Face token", &["hf_"], 20, is_word),
    format(
        "DigitalOcean token",
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        32,
        is_word,
    ),
    format("SendGrid key", &["SG."], 32, is_dotted),
    format("Vault token", &["hvs.", "hvb.", "hvr."], 20, is_wordy),
    format(
        "Shopify token",
        &["shpat_", "shpca_", "shppa_", "shpss_"],
        32,
        is_word,
    ),
    format("Grafana token", &["glsa_", "glc_"], 20, is_word),
    format(
        "access token",
        &["tskey-", "lin_api_", "gsk_", "xai-", "ATATT3", "PMAK-", "figd_"],
        20,
        is_wordy,
    ),
    format("age key", &["AGE-SECRET-KEY-1"], 40, is_upper),
    format("bearer token", &["Bearer ", "bearer "], 20, is_base64),
];

/// `text` with everything that looks like a secret masked; what kind it is stays readable.
///
/// ```
/// let note = format!("use glpat-{}, please", "0a".repeat(10));
/// assert_eq!(supervise_core::mask_secrets(&note), "use glpat-***, please");
/// ```
pub fn mask_secrets(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for found in Finder::new(text) {
        masked.push_str(&text[done..found.shown]);
        masked.push_str(MASK);
        done = found.end;
    }
    masked + &text[done..]
}

/// What the first secret in `text` looks like.
pub(crate) fn first_secret(text: &str) -> Option<&'static str> {
    Finder::new(text).next().map(|found| found.kind)
}

/// A secret in a text.
struct Found {
    kind: &'static str,
    /// Where its readable beginning ends.
    shown: usize,
    end: usize,
}

/// Goes through a text for secrets, from left to right.
struct Finder<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Finder<'t> {
    fn new(text: &'t str) -> Self {
        Finder { text, at: 0 }
    }

    fn found_here(&self) -> Option<Found> {
        let rest = &self.text[self.at..];
        let before = self.at.checked_sub(1).map(|at| self.text.as_bytes()[at]);
        let begins = before.is_none_or(|b| !is_word(b));
        let word = if begins {
            token(rest).or_else(|| json_web_token(rest))
        } else {
            None
        };
        word.or_else(|| private_key(rest))
            .or_else(|| password(rest))
            .map(|found| Found {
                shown: self.at + found.shown,
                end: self.at + found.end,
                ..found
            })
    }
}

impl Iterator for Finder<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        while self.at < self.text.len() {
            if self.text.is_char_boundary(self.at)
                && let Some(found) = self.found_here()
            {
                self.at = found.end;
                return Some(found);
            }
            self.at += 1;
        }
        None
    }
}

fn token(text: &str) -> Option<Found> {
    let read = |format: &Format| {
        let prefix = format.prefixes.iter().find(|prefix| text.starts_with(**prefix))?;
        let rest = &text[prefix.len()..];
        // A made-up word of letters only is a name more often than a secret.
        let start = run(rest, format.more, LOOK_AHEAD).bytes();
        let random =
            start.clone().any(|b| b.is_ascii_digit()) && start.clone().any(|b| b.is_ascii_alphabetic());
        let body = run(rest, format.more, if random { rest.len() } else { 0 });
        (body.len() >= format.min).then(|| Found {
            kind: format.kind,
            shown: prefix.len(),
            end: prefix.len() + body.len(),
        })
    };
    FORMATS.iter().find_map(read)
}

fn json_web_token(text: &str) -> Option<Found> {
    let head = run(text.strip_prefix("eyJ")?, is_wordy, MAX_HEAD);
    let rest = text[3 + head.len()..]
        .strip_prefix('.')
        .filter(|_| head.len() >= 13)?;
    let more = run(rest, is_dotted, rest.len()).trim_end_matches('.');
    let body = more.split('.').next().unwrap_or(more);
    (body.len() >= 14).then_some(Found {
        kind: "JSON web token",
        shown: 3,
        end: 3 + head.len() + 1 + more.len(),
    })
}

/// A key from its first line to its last, or to the text's end.
fn private_key(text: &str) -> Option<Found> {
    let first = run(
        text.strip_prefix(KEY_BEGIN)?,
        |b| b == b' ' || b == b'-' || is_upper(b),
        MAX_KEY_NAME,
    );
    let shown = KEY_BEGIN.len() + first.find(KEY_MARK)? + KEY_MARK.len();
    let last = text[shown..].find(KEY_END).map(|at| shown + at);
    Some(Found {
        kind: "private key",
        shown,
        end: last.unwrap_or(text.len()),
    })
}

/// The password in `scheme://user:password@host`.
fn password(text: &str) -> Option<Found> {
    let rest = text.strip_prefix("://")?;
    let in_authority = |b: u8| b.is_ascii_graphic() && !matches!(b, b'/' | b'?' | b'#' | b'"' | b'\'');
    let authority = run(rest, in_authority, rest.len());
    let (user_info, _) = authority.rsplit_once('@')?;
    let (user, password) = user_info.split_once(':')?;
    let shown = "://".len() + user.len() + 1;
    (!password.is_empty() && !password.starts_with('$')).then(|| Found {
        kind: "password",
        shown,
        end: shown + password.len(),
    })
}

/// The beginning of a text that is all of one kind, at most so many bytes.
fn run(text: &str, more: fn(u8) -> bool, most: usize) -> &str {
    let end = text.bytes().take(most).position(|b| !more(b));
    &text[..end.unwrap_or_else(|| most.min(text.len()))]
}

fn is_upper(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn is_wordy(b: u8) -> bool {
    is_word(b) || b == b'-'
}

fn is_dotted(b: u8) -> bool {
    is_wordy(b) || b == b'.'
}

fn is_base64(b: u8) -> bool {
    is_dotted(b) || matches!(b, b'+' | b'/' | b'=' | b'~')
}
