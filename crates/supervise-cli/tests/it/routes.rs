//! `supervise routes`.

mod edit;
mod show;
