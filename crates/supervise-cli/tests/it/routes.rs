//! `supervise routes`.

mod check;
mod edit;
mod show;
