//! Beside the Python original, on the same files. `SUPERVISE_ORIGINAL` names its folder.

mod mixed;
mod model;
mod python;
mod sidecar;
