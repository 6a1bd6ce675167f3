//! Lines for the operator's log. Natively they go to standard error, where tests show them.
//!
//! The host keeps at most ten lines of a call, each of at most 1 KiB; the rest is counted.

/// For the plugin's author.
pub fn debug(message: &str) {
    write("debug", message);
}

/// Something went as it should.
pub fn info(message: &str) {
    write("info", message);
}

/// Something was recovered from.
pub fn warn(message: &str) {
    write("warn", message);
}

/// A person is needed.
pub fn error(message: &str) {
    write("error", message);
}

#[cfg(target_family = "wasm")]
fn write(level: &str, message: &str) {
    use crate::guest::log::{Level, log};
    let level = match level {
        "debug" => Level::Debug,
        "info" => Level::Info,
        "warn" => Level::Warn,
        _ => Level::Error,
    };
    log(level, message);
}

#[cfg(not(target_family = "wasm"))]
fn write(level: &str, message: &str) {
    eprintln!("{level}: {message}");
}
