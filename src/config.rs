//! The configuration: the file is read once, and refused whole or resolved to the last key.
//!
//! [`load`] and [`parse`] return a [`Config`] in which nothing is left to find out: every default
//! filled in, every name resolved, plugins in the order in which they feed one another. Or they
//! return [`Refused`] with *every* fault of the file: line, column, what was found, what would be
//! accepted, and the nearest valid word. Nothing is ever applied in part.
//!
//! Owns the `toml` crate and the drawing of faults. Does not know what a plugin's settings or a
//! rule's condition mean: those are handed over as JSON, digits as written, and
//! [`Config::locate`] brings the plugin's own complaints back to their place in the file.
//!
//! Keeps: [bounded] (file, list and number sizes), [numbers-survive] (a number of a rule or of a
//! plugin's settings never passes through `f64`).

mod alerts;
mod channels;
mod fault;
mod feed;
mod json;
mod locate;
mod names;
mod notify;
mod outside;
mod plugins;
pub mod reference;
mod routing;
mod rules;
mod sections;
mod settings;
mod streams;
mod text;
mod url;
mod walk;

use std::path::Path;

pub(crate) use self::text::duration as read_duration;

pub(crate) use self::text::nearest;
pub use self::{
    fault::{Fault, Place, Refused},
    outside::{Outside, Process},
    rules::*,
    settings::*,
    streams::Stream,
};

/// Largest file that is read, in bytes (chosen: a hundred thousand rules fit).
pub const MAX_FILE_BYTES: u64 = 10 * 1024 * 1024;

/// Reads, checks and resolves the file at `path`; paths in it are relative to its folder.
///
/// # Errors
/// [`Refused`] with every fault, or with the one reason why the file could not be read.
pub fn load(path: &Path) -> Result<Config, Refused> {
    let name = path.display().to_string();
    let bytes = outside::read_file(path, MAX_FILE_BYTES)
        .map_err(|why| Refused::unplaced(&name, format!("cannot read {name}: {why}")))?;
    let text = text::decode(&name, bytes)?;
    let base = path.parent().unwrap_or_else(|| Path::new(""));
    parse(&text, &name, base, &Process)
}

/// Where compiled plugins are kept when the file does not say.
#[must_use]
pub fn default_compile_cache() -> Option<std::path::PathBuf> {
    sections::user_cache(&Process)
}

/// Checks and resolves `text`, which is called `name` in faults; paths in it are relative to `base`.
///
/// # Errors
/// [`Refused`] with every fault of the text.
pub fn parse(text: &str, name: &str, base: &Path, outside: &dyn Outside) -> Result<Config, Refused> {
    sections::resolve(text::without_mark(text), name, base, outside)
}

#[cfg(test)]
mod tests;
