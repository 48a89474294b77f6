//! The list of risks. A new one is a line here and a function; a test asks for a case that fires and one that doesn't.

use super::Level::{self, Danger, Info, Warn};
use super::subject::Subject;
use super::{base, docker_run, host, image, look_alike, route, secret};

/// A risk's name, level and finder, which gives the line to show if there is something to say.
pub(super) struct Check {
    pub(super) code: &'static str,
    pub(super) level: Level,
    pub(super) find: fn(&Subject<'_>) -> Option<String>,
}

const fn check(code: &'static str, level: Level, find: fn(&Subject<'_>) -> Option<String>) -> Check {
    Check { code, level, find }
}

pub(super) static CHECKS: [Check; 41] = [
    // The payload of a route.
    check("not-a-route", Danger, route::not_a_route),
    check("outside-the-rules", Danger, route::outside_the_rules),
    check("unusual-spelling", Info, route::unusual_spelling),
    // Its host.
    check("ip-address", Danger, host::ip_address),
    check("private-range", Danger, host::private_range),
    check("punycode", Warn, host::punycode),
    check("mixed-script", Danger, host::mixed_script),
    check("reads-as-ascii", Danger, host::reads_as_ascii),
    check("look-alike", Danger, look_alike::look_alike),
    check("borrowed-name", Warn, look_alike::borrowed_name),
    check("public-suffix", Danger, host::public_suffix),
    check("refused-before", Warn, host::refused_before),
    check("past-unknown", Warn, host::past_unknown),
    // Its credential.
    check("credential-new-host", Danger, route::credential_new_host),
    check("credential-more-paths", Warn, route::credential_more_paths),
    check("credential-ignored", Info, route::credential_ignored),
    check("token-ref-new", Warn, route::token_ref_new),
    // Its paths.
    check("whole-host", Warn, route::whole_host),
    check("opens-limited", Danger, route::opens_limited),
    check("prefix-no-slash", Warn, route::prefix_no_slash),
    check("path-root", Warn, route::path_root),
    // Exceptions that daemons ask for.
    check("scanner-exception", Warn, route::scanner_exception),
    check("token-exception", Danger, route::token_exception),
    // A Dockerfile.
    check("not-a-dockerfile", Danger, base::not_a_dockerfile),
    check("frontend-changed", Danger, base::frontend_changed),
    check("base-moved", Warn, base::base_moved),
    check("base-untagged", Warn, base::base_untagged),
    check("image-copied", Warn, base::image_copied),
    check("user-root", Danger, image::user_root),
    check("download-run", Danger, docker_run::download_run),
    check("shell-replaced", Danger, docker_run::shell_replaced),
    check("run-privileged", Danger, docker_run::run_privileged),
    check("add-url", Warn, image::add_url),
    check("expose-new", Warn, image::expose_new),
    check("volume-new", Warn, image::volume_new),
    check("env-new", Info, image::env_new),
    check("env-steers", Warn, image::env_steers),
    check("secret-in-image", Warn, image::secret_in_image),
    check("start-replaced", Warn, image::start_replaced),
    check("builder-network", Info, docker_run::builder_network),
    // Any text.
    check("secret-in-text", Warn, secret::secret_in_text),
];
