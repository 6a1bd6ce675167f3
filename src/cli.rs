//! (the views and the log; the rest is written elsewhere)

pub mod log;
pub mod progress;
pub mod view;
