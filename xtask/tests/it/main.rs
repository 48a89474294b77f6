//! What lies in the repository for other programs to read.
#![allow(
    clippy::unwrap_used,
    reason = "a test that can't go on should say where it stopped"
)]

mod documents;
