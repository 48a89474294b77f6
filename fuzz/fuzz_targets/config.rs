//! Both programs' settings: the sidecar's environment and the operator's `supervise.toml`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use supervise_sidecar::Config;

fuzz_target!(|text: &str| {
    supervise_cli::fuzzing::config(text);
    let settings: Vec<_> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let lookup = |name: &str| {
        let found = settings.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    if let Err(error) = Config::from_lookup(lookup) {
        assert!(
            error.to_string().contains("SUPERVISE_"),
            "the error names the variable: {error}"
        );
    }
});
