//! Slugs, ids, hosts and path prefixes: what is accepted is in its one normal form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use supervise_core::{Root, Slug, check_path_prefix, is_proposal_id, normalize_host};

fuzz_target!(|text: &str| {
    if let Ok(slug) = text.parse::<Slug>() {
        assert_eq!(slug.as_str(), text);
        let inside = Root::new("/root").queue_dir(&slug);
        assert_eq!(inside.parent(), Some(std::path::Path::new("/root/queue")));
    }
    if is_proposal_id(text) {
        assert!(
            text.len() == 36
                && text
                    .bytes()
                    .all(|b| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        );
    }
    if let Ok(host) = normalize_host(text) {
        assert_eq!(normalize_host(&host).as_deref(), Ok(host.as_str()));
        assert!(host.len() <= 253 && host.contains('.') && !host.ends_with('.'));
        assert!(
            host.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
        );
        assert!(host.parse::<std::net::IpAddr>().is_err());
    }
    if check_path_prefix(text).is_ok() {
        assert!(text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic()));
        assert!(
            !["..", "//", "/./", "?", "#", "\\"]
                .iter()
                .any(|part| text.contains(part))
        );
    }
});
