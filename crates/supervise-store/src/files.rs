//! A queue of files, for a bottle whose kernel isn't the host's: no database on a mount that two kernels share.
//!
//! The queue's directory has `in`, which the bottle writes and the host reads, and `out`, which the host writes
//! and the bottle can only read. Everything told is one file that is written once under a name that is never
//! used again, and whose name says what it is:
//!
//! | in `in` | | in `out` | |
//! |---|---|---|---|
//! | `<id>.proposal` | JSON as [`Proposal`](supervise_core::Proposal) has it | `<id>.response` | JSON, see [`note`] |
//! | `<id>.joined-<n>` | empty: asked for n times more | `<id>.claim` | empty: being decided |
//! | `<id>.timed-out` | empty: nobody decided in time | `<id>.reopened` | empty: its refusal is lifted |
//! | `<id>.delivered` | empty: the answer has arrived | `<id>.ended` | empty: the host has noted the end |
//! | `<id>.withdrawn` | empty: taken back | | |
//!
//! Each side deletes only in its own directory. The bottle deletes what belongs to an ended proposal once
//! there are many; the host then deletes what it had written about it.
//!
//! A claim and a withdrawal exclude each other without a common lock: each side first writes its own file and
//! then looks for the other's, under a name it never looked up before, so that no cache can hide it.

mod bottle;
mod folder;
mod host;
mod import;
mod name;
mod note;

pub(crate) use bottle::BottleFiles;
pub(crate) use folder::{TEMPORARY, create};
pub(crate) use host::HostFiles;
pub(crate) use import::import;
pub(crate) use name::IN;
