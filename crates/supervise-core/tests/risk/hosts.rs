//! Hosts, the look-alike and public-suffix risks on names that exist.

use supervise_core::Tool;

use super::{Case, Pair};

/// Hosts that development really needs.
const REAL: [&str; 46] = [
    "github.com",
    "api.github.com",
    "objects.githubusercontent.com",
    "ghcr.io",
    "gitlab.com",
    "bitbucket.org",
    "codeberg.org",
    "crates.io",
    "static.crates.io",
    "docs.rs",
    "static.rust-lang.org",
    "pypi.org",
    "files.pythonhosted.org",
    "www.python.org",
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    "nodejs.org",
    "deno.land",
    "jsr.io",
    "proxy.golang.org",
    "go.dev",
    "rubygems.org",
    "repo.maven.apache.org",
    "hex.pm",
    "packagist.org",
    "registry-1.docker.io",
    "quay.io",
    "gcr.io",
    "mcr.microsoft.com",
    "deb.debian.org",
    "security.debian.org",
    "archive.ubuntu.com",
    "dl-cdn.alpinelinux.org",
    "download.opensuse.org",
    "huggingface.co",
    "api.openai.com",
    "api.anthropic.com",
    "generativelanguage.googleapis.com",
    "storage.googleapis.com",
    "sentry.io",
    "api.stripe.com",
    "hooks.slack.com",
    "cdn.jsdelivr.net",
    "unpkg.com",
    "stackoverflow.com",
    "en.wikipedia.org",
];

pub(crate) fn pairs() -> Vec<Pair> {
    let host = Case::host;
    vec![
        ("ip-address", host("8.8.8.8"), host("8.8.8.8.example")),
        ("ip-address", host("0x08080808"), host("dns.google")),
        ("ip-address", host("8.8.8.8.nip.io"), host("docs.nip.io")),
        ("private-range", host("10.0.0.1"), host("8.8.8.8")),
        ("private-range", host("2130706433"), host("1.1.1.1")),
        (
            "private-range",
            host("[::ffff:169.254.169.254]"),
            host("2606:4700::1111"),
        ),
        (
            "private-range",
            host("metadata.google.internal"),
            host("metadata.example"),
        ),
        (
            "private-range",
            host("127-0-0-1.sslip.io"),
            host("8-8-8-8.sslip.io"),
        ),
        ("private-range", host("intranet"), host("intranet.example")),
        (
            "private-range",
            host("app.localtest.me"),
            host("https://8.8.8.8/"),
        ),
        ("punycode", host("bücher.example"), host("buecher.example")),
        ("punycode", host("xn--bcher-kva.example"), host("10.0.0.1")),
        ("mixed-script", host("gіthub.com"), host("bücher.example")),
        ("mixed-script", host("раypal.example"), host("日本語カナ.example")),
        ("reads-as-ascii", host("аррӏе.com"), host("пример.com")),
        ("reads-as-ascii", host("сосо.example"), host("apple.com")),
        (
            "look-alike",
            host("githud.com").allowed(&["github.com"]),
            host("api.github.com").allowed(&["github.com"]),
        ),
        (
            "borrowed-name",
            host("github.dev").allowed(&["github.com"]),
            host("gitlab.com").allowed(&["github.com"]),
        ),
        ("public-suffix", host("github.io"), host("ada.github.io")),
        (
            "past-unknown",
            Case::ask("a.example", &["/x/"]).past_unknown(),
            Case::of(Tool::CapabilityBlock, "FROM a:1\n").past_unknown(),
        ),
        (
            "refused-before",
            host("a.example").refused("A.Example."),
            host("a.example").refused("b.example"),
        ),
        (
            "refused-before",
            host("10.0.0.1").refused("10.0.0.1"),
            host("a.example"),
        ),
    ]
}

#[test]
fn look_alikes_of_real_hosts_are_found() {
    for (fake, real) in [
        ("githud.com", "github.com"),
        ("gihtub.com", "github.com"),
        ("githubb.com", "github.com"),
        ("git-hub.com", "github.com"),
        ("g1thub.com", "github.com"),
        ("gïthub.com", "github.com"),
        ("gіthub.com", "github.com"),
        ("api.githab.com", "api.github.com"),
        ("github.com.evil.example", "github.com"),
        ("api.github.com.evil.example", "api.github.com"),
        ("github-com.evil.example", "github.com"),
        ("raw.githubusercontents.com", "objects.githubusercontent.com"),
        ("ada.githud.io", "ada.github.io"),
        ("adalovelacee.github.io", "adalovelace.github.io"),
        ("pypl.org", "pypi.org"),
        ("pypi.org.mirror.example", "pypi.org"),
        ("files.pyth0nhosted.org", "files.pythonhosted.org"),
        ("registry.nprnjs.org", "registry.npmjs.org"),
        ("registry.npmjss.org", "registry.npmjs.org"),
        ("crate5.io", "crates.io"),
        ("cratesio.com", "cratesi.com"),
        ("api.openal.com", "api.openai.com"),
        ("api.0penai.com", "api.openai.com"),
        ("api.opena1.com", "api.openai.com"),
        ("api.anthroplc.com", "api.anthropic.com"),
        ("api.antropic.com", "api.anthropic.com"),
        ("huggingfaces.co", "huggingface.co"),
        ("huqgingface.co", "huggingface.co"),
        ("storage.goog1eapis.com", "storage.googleapis.com"),
        ("hooks.s1ack.com", "hooks.slack.com"),
        ("registry-1.dockér.io", "registry-1.docker.io"),
        ("сrаtеs.io", "crates.io"),
    ] {
        let risks = Case::host(fake).allowed(&["a.example", real]).risks();
        let found = risks.iter().find(|risk| risk.code == "look-alike");
        assert!(
            found.is_some_and(|risk| risk.text.is_ascii()),
            "{fake} for {real}: {risks:?}"
        );
    }
}

#[test]
fn real_hosts_are_not_taken_for_each_other() {
    for asked in REAL {
        let others: Vec<&str> = REAL.into_iter().filter(|host| *host != asked).collect();
        let case = Case::host(asked).allowed(&others);
        let codes = case.codes();
        assert!(!codes.contains(&"look-alike"), "{:?}", case.risks());
        assert!(
            !codes.contains(&"public-suffix") && !codes.contains(&"private-range"),
            "{asked}: {codes:?}"
        );
    }
}

#[test]
fn names_that_use_a_known_name_are_told() {
    let table = [
        ("github.dev", "github.com", true),
        ("github.evil.example", "github.com", true),
        ("github-assets.example", "github.com", true),
        ("docker.elastic.co", "registry-1.docker.io", true),
        ("pypi.example", "pypi.org", true),
        ("get-pypi.example", "pypi.org", false),
        ("sentry.github.com", "github.com", false),
        ("mygithub.example", "github.com", false),
        ("ada.github.io", "github.com", true),
        (
            "raw.githubusercontent.com",
            "objects.githubusercontent.com",
            false,
        ),
        ("bob.github.io", "ada.github.io", false),
        ("ada.co.jp", "bob.co.uk", false),
    ];
    for (asked, allowed, told) in table {
        let codes = Case::host(asked).allowed(&[allowed]).codes();
        assert_eq!(codes.contains(&"borrowed-name"), told, "{asked}: {codes:?}");
        assert!(!codes.contains(&"look-alike"), "{asked}: {codes:?}");
    }
}

#[test]
fn a_host_that_has_a_route_is_not_suspected() {
    let case = Case::ask("githud.com", &["/x/"]).allowed(&["githud.com", "github.com"]);
    assert_eq!(case.codes(), Vec::<&str>::new());
}

#[test]
fn public_suffixes_of_real_services_are_found() {
    for suffix in [
        "github.io",
        "gitlab.io",
        "s3.amazonaws.com",
        "s3.eu-central-1.amazonaws.com",
        "cloudfront.net",
        "co.uk",
        "herokuapp.com",
        "vercel.app",
        "netlify.app",
        "pages.dev",
        "workers.dev",
        "r2.dev",
        "web.app",
        "firebaseapp.com",
        "appspot.com",
        "blogspot.com",
        "azurewebsites.net",
        "blob.core.windows.net",
        "onrender.com",
        "fly.dev",
        "ngrok.io",
        "githubusercontent.com",
        "readthedocs.io",
        "hf.space",
        "xn--p1ai.example.com.xn--p1ai",
    ] {
        let found = Case::host(suffix).codes().contains(&"public-suffix");
        assert_eq!(found, !suffix.contains("example"), "{suffix}");
    }
    for name in [
        "ada.github.io",
        "bucket.s3.amazonaws.com",
        "github.com",
        "bbc.co.uk",
        "docs.example",
    ] {
        assert!(!Case::host(name).codes().contains(&"public-suffix"), "{name}");
    }
}

#[test]
fn a_host_is_shown_as_its_a_label_with_its_letters_beside_it() {
    let risks = Case::host("bücher.example").risks();
    assert_eq!(
        risks[0].text,
        "xn--bcher-kva.example is shown by browsers as bücher.example"
    );
}
