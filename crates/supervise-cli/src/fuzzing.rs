//! What the fuzz targets reach that no other program does.

/// Reads a `supervise.toml`.
pub fn config(text: &str) {
    let _ = crate::config::Config::parse(text);
}
