//! The lines against a real server.

mod bottle;
mod death;
mod operator;
mod scene;
