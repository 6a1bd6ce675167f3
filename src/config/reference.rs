//! The reference: every key that the file may hold, as one table.
//!
//! What a person reads (`tradehook config reference`, docs/config.md), what an editor reads (the
//! JSON Schema of `tradehook config schema`) and what the tests hold against the readers comes
//! from here and nowhere else. A key that a reader asks for and that is not here fails a test; so
//! does one that stands here and that no reader asks for, one whose default is another, and one
//! whose bounds or words are others.
//!
//! Owns the words for types and units. Does not read files, and does not know what a plugin's
//! settings or a rule's condition may hold: plugins say that themselves, as a JSON Schema in their
//! manifest, which is put in its place here.

mod alerts;
mod channels;
mod entries;
mod feed;
mod foreign;
mod plugins;
mod process;
mod schema;
#[cfg(test)]
mod tests;
mod text;
mod types;

pub use self::{
    entries::{Entry, Row, entries, find},
    schema::schema,
    text::{markdown, terminal},
};
use types::Type;

/// What plugins say of their own settings: a name (`alert`, `filter`) and its JSON Schema.
pub type Foreign = [(String, serde_json::Value)];

/// One table of the file.
#[derive(Clone, Copy, Debug)]
struct Section {
    /// `feed.backfill`; `*` stands for a name that the file's writer chooses, `[]` behind a name
    /// for one of many tables. Empty: the file itself.
    path: &'static str,
    /// Its keys stand beside those of the section without a condition, where this key has this
    /// value.
    only: Option<(&'static str, &'static str)>,
    about: &'static str,
    keys: &'static [Key],
    /// Further keys, which it shares with other sections.
    shared: &'static [&'static [Key]],
}

/// One key of a table.
#[derive(Clone, Copy, Debug)]
struct Key {
    name: &'static str,
    kind: Type,
    absent: Absent,
    /// TOML; another value than the default.
    example: &'static str,
    /// The key whose place it takes.
    instead_of: Option<&'static str>,
    /// The key without which it means nothing.
    beside: Option<&'static str>,
    meaning: &'static str,
}

/// What holds where a key is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absent {
    /// It has to be.
    Fault,
    /// This value, as TOML.
    Default(&'static str),
    /// What this says.
    Means(&'static str),
}

impl Key {
    /// A key that has to be written.
    const fn new(name: &'static str, kind: Type, example: &'static str, meaning: &'static str) -> Self {
        Self { name, kind, absent: Absent::Fault, example, instead_of: None, beside: None, meaning }
    }

    /// With this default, as TOML.
    const fn or(self, default: &'static str) -> Self {
        Self { absent: Absent::Default(default), ..self }
    }

    /// With this meaning of its absence.
    const fn without(self, meaning: &'static str) -> Self {
        Self { absent: Absent::Means(meaning), ..self }
    }

    /// Written together with another key.
    const fn beside(self, other: &'static str) -> Self {
        Self { beside: Some(other), ..self }
    }

    /// Written in the place of another key.
    const fn instead_of(self, other: &'static str) -> Self {
        Self { instead_of: Some(other), ..self }.without("")
    }
}

impl Section {
    const fn new(path: &'static str, about: &'static str, keys: &'static [Key]) -> Self {
        Self { path, only: None, about, keys, shared: &[] }
    }

    fn all_keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().chain(self.shared.iter().copied().flatten())
    }

    /// Whether it is one of several of its path, which a key tells apart.
    fn is_variant(&self) -> bool {
        self.only.is_some_and(|(name, _)| {
            sections().filter(|s| s.path == self.path).flat_map(Section::all_keys).any(|k| k.name == name)
        })
    }

    const fn only(self, key: &'static str, value: &'static str) -> Self {
        Self { only: Some((key, value)), ..self }
    }
}

/// The whole table, in the order in which the shipped file has it.
fn sections() -> impl Iterator<Item = &'static Section> {
    [&[FILE][..], feed::SECTIONS, process::SECTIONS, plugins::SECTIONS, alerts::SECTIONS, channels::SECTIONS]
        .into_iter()
        .flatten()
        .copied()
}

const FILE: &Section = &Section::new(
    "",
    "The file is TOML. Paths in it are relative to its folder.",
    &[
        table("feed"),
        table("tape"),
        table("state"),
        table("control"),
        table("status"),
        table("log"),
        table("runtime"),
        Key::new("plugins", Type::Named("plugins.*"), "", "").without(""),
        table("alerts"),
        Key::new("alert", Type::Many("alert[]"), "", "").without(""),
        Key::new("route", Type::Many("route[]"), "", "").without(""),
        Key::new("silence", Type::Many("silence[]"), "", "").without(""),
        Key::new("channels", Type::Named("channels.*"), "", "").without(""),
    ],
);

const fn table(path: &'static str) -> Key {
    Key::new(path, Type::Table(path), "", "").without("")
}
