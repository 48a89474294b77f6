//! Names that could be taken for one that is allowed already.
//!
//! Compared is the part that somebody registered: `github` of `api.github.com`. What lies below it belongs to
//! its owner, so a host under an allowed name's own domain is never suspected. Where a service registers names
//! itself, as GitHub does below `github.io`, both its customer's name and its own are compared.

use psl::Type;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_security::confusable_detection::skeleton;

use super::host::unicode_form;
use super::subject::{Subject, shown};

/// Shorter names are a letter apart too often by chance: `ghcr.io` and `gcr.io`.
const MIN_LETTERS: usize = 5;
const MIN_LETTERS_SAME_SUFFIX: usize = 4;
/// Each is easily taken for the other in some font or haste.
const SWAPS: [(&str, &str); 12] = [
    ("rn", "m"),
    ("vv", "w"),
    ("cl", "d"),
    ("0", "o"),
    ("1", "l"),
    ("i", "l"),
    ("3", "e"),
    ("4", "a"),
    ("5", "s"),
    ("7", "t"),
    ("9", "g"),
    ("-", ""),
];

pub(super) fn look_alike(subject: &Subject<'_>) -> Option<String> {
    let (name, owners) = asked(subject)?;
    let (allowed, _) = others(subject, &owners).find(|(_, other)| {
        carries(name, &other.domain) || owners.iter().any(|owner| owner.looks_like(other))
    })?;
    Some(format!(
        "{name} looks like {}, which is allowed, but has another owner",
        shown(allowed)
    ))
}

pub(super) fn borrowed_name(subject: &Subject<'_>) -> Option<String> {
    let (name, owners) = asked(subject)?;
    let (allowed, _) = others(subject, &owners).find(|(_, other)| borrows(name, &owners, other))?;
    Some(format!(
        "{name} bears a name of {}, which is allowed, but has another owner",
        shown(allowed)
    ))
}

/// A registered name: `github` under `com`.
struct Registered {
    domain: String,
    label: String,
    suffix: String,
}

impl Registered {
    fn of(name: &str) -> Option<Self> {
        let domain = psl::domain_str(name)?;
        let suffix = psl::suffix_str(name)?;
        let label = domain.strip_suffix(suffix)?.strip_suffix('.')?;
        Some(Registered {
            domain: domain.to_owned(),
            label: unicode_form(label).unwrap_or_else(|| label.to_owned()),
            suffix: suffix.to_owned(),
        })
    }

    /// The name that a hosting service is registered under: `github` under `com`, for `ada.github.io`.
    fn of_service(name: &str) -> Option<Self> {
        let suffix = psl::suffix_str(name).filter(|own| zone_type(own) == Some(Type::Private))?;
        let zones = suffix.match_indices('.').map(|(dot, _)| &suffix[dot + 1..]);
        let registry = zones
            .into_iter()
            .find(|zone| zone_type(zone) == Some(Type::Icann))?;
        let label = suffix
            .strip_suffix(registry)?
            .strip_suffix('.')?
            .rsplit('.')
            .next()?;
        Some(Registered {
            domain: format!("{label}.{registry}"),
            label: label.to_owned(),
            suffix: registry.to_owned(),
        })
    }

    /// Whoever answers for a name.
    fn owners(name: &str) -> Vec<Self> {
        [Registered::of(name), Registered::of_service(name)]
            .into_iter()
            .flatten()
            .collect()
    }

    fn looks_like(&self, other: &Registered) -> bool {
        self.label != other.label && (folded(&self.label) == folded(&other.label) || self.is_near(other))
    }

    fn is_near(&self, other: &Registered) -> bool {
        let (a, b): (Vec<char>, Vec<char>) = (self.label.chars().collect(), other.label.chars().collect());
        let least = if self.suffix == other.suffix {
            MIN_LETTERS_SAME_SUFFIX
        } else {
            MIN_LETTERS
        };
        a.len().min(b.len()) >= least && is_one_apart(&a, &b)
    }
}

/// Who keeps a zone in which names are registered; `None` if it is none.
fn zone_type(zone: &str) -> Option<Type> {
    let own = psl::suffix(zone.as_bytes())?;
    own.typ().filter(|_| own.as_bytes() == zone.as_bytes())
}

fn asked<'s>(subject: &'s Subject<'_>) -> Option<(&'s str, Vec<Registered>)> {
    let name = subject.new_host()?.name.as_deref().ok()?;
    Some((name, Registered::owners(name)))
}

/// The allowed hosts and who answers for them, without those who answer for the one that is asked for.
fn others<'s>(subject: &Subject<'s>, owners: &[Registered]) -> impl Iterator<Item = (&'s str, Registered)> {
    let routes = subject
        .context
        .routes
        .map(|routes| routes.entries())
        .unwrap_or_default();
    let owned = |host: &'s str| {
        Registered::owners(host)
            .into_iter()
            .map(move |owner| (host, owner))
    };
    let all = routes.iter().flat_map(move |entry| owned(&entry.host));
    all.filter(|(_, other)| owners.iter().all(|owner| owner.domain != other.domain))
}

/// Whether a name carries another's domain in front of its own: `github.com.evil.example`.
fn carries(name: &str, domain: &str) -> bool {
    let own = |rest: &str| rest.is_empty() || rest.ends_with('.');
    let dashed = domain.replace('.', "-");
    let behind = name
        .match_indices(domain)
        .any(|(at, found)| own(&name[..at]) && name[at + found.len()..].starts_with('.'));
    behind || name.split('.').any(|label| label == dashed)
}

/// Whether a name uses another's label as one of its own, or as a word in one.
fn borrows(name: &str, owners: &[Registered], other: &Registered) -> bool {
    let word = |label: &str| label.split('-').any(|word| word == other.label);
    let long = other.label.len() >= MIN_LETTERS;
    owners.iter().any(|owner| owner.label == other.label) || (long && name.split('.').any(word))
}

/// What is left of a label when everything is one that is easily taken for the other.
fn folded(label: &str) -> String {
    let marks = |c: &char| c.general_category_group() != GeneralCategoryGroup::Mark;
    let seen: String = skeleton(label).filter(marks).collect::<String>().to_lowercase();
    SWAPS.iter().fold(seen, |seen, (from, to)| seen.replace(from, to))
}

/// Whether one letter put in, left out, changed, or swapped with the next makes one of the other.
fn is_one_apart(a: &[char], b: &[char]) -> bool {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[same..], &b[same..]);
    match (a, b) {
        ([_, a @ ..], [_, b @ ..]) if a == b => true,
        ([_, a @ ..], b) if a == b => true,
        (a, [_, b @ ..]) if a == b => true,
        ([x, y, a @ ..], [z, w, b @ ..]) => (x, y) == (w, z) && a == b,
        _ => false,
    }
}
