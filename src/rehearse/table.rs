//! A table of a file of tests that is being asked for its keys.
//!
//! Asking leaves a fault where the answer is of no use and goes on, so that one reading finds
//! every mistake of the file.

use super::Fault;
use std::{cell::RefCell, ops::Range};
use toml::de::{DeTable, DeValue};

/// Most faults that are kept of one file.
const MAX_FAULTS: usize = 200;

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Item<'a> {
    pub(super) path: String,
    pub(super) span: Range<usize>,
    pub(super) value: &'a DeValue<'a>,
    faults: &'a RefCell<Vec<Fault>>,
}

impl<'a> Item<'a> {
    pub(super) fn fault(&self, message: impl Into<String>, help: &str) {
        self.fault_at(self.span.clone(), message, help);
    }

    pub(super) fn fault_at(&self, span: Range<usize>, message: impl Into<String>, help: &str) {
        push(self.faults, span, &self.path, message.into(), help);
    }

    pub(super) fn string(&self, help: &str) -> Option<&'a str> {
        let text = self.value.as_str();
        if text.is_none() {
            self.fault("a string is expected here", help);
        }
        text
    }

    /// A string, or a number or a boolean as it is written.
    pub(super) fn scalar(&self, help: &str) -> Option<String> {
        match self.value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) => Some(number.as_str().replace('_', "")),
            DeValue::Float(number) => Some(number.as_str().replace('_', "")),
            DeValue::Boolean(flag) => Some(flag.to_string()),
            DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                self.fault("a string or a number is expected here", help);
                None
            }
        }
    }

    pub(super) fn duration(&self) -> Option<i64> {
        let help = "write it like \"0s\", \"250ms\" or \"1m30s\"";
        let text = self.string(help)?;
        let ms = super::amount::duration_ms(text);
        if ms.is_none() {
            self.fault(format!("{text:?} is not a duration"), help);
        }
        ms
    }

    pub(super) fn items(&self, help: &str) -> Vec<Item<'a>> {
        let Some(array) = self.value.as_array() else {
            self.fault("a list is expected here", help);
            return Vec::new();
        };
        let item = |(n, v): (usize, &'a toml::Spanned<DeValue<'a>>)| Item {
            path: format!("{}[{n}]", self.path),
            span: v.span(),
            value: v.get_ref(),
            faults: self.faults,
        };
        array.iter().enumerate().map(item).collect()
    }

    pub(super) fn table(&self, help: &str) -> Option<Table<'a>> {
        let Some(table) = self.value.as_table() else {
            self.fault("a table is expected here", help);
            return None;
        };
        let (path, span) = (self.path.clone(), self.span.clone());
        Some(Table { path, span, table, asked: Vec::new(), faults: self.faults })
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let list = words.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(", ");
        let found = self.string(&format!("one of {list}"))?;
        let value = words.iter().find(|(word, _)| *word == found).map(|(_, value)| *value);
        if value.is_none() {
            self.fault(format!("unknown word {found:?}"), &format!("accepted: {list}"));
        }
        value
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub(super) path: String,
    pub(super) span: Range<usize>,
    table: &'a DeTable<'a>,
    asked: Vec<&'static str>,
    faults: &'a RefCell<Vec<Fault>>,
}

impl<'a> Table<'a> {
    pub(super) fn root(table: &'a DeTable<'a>, faults: &'a RefCell<Vec<Fault>>) -> Self {
        Self { path: String::new(), span: 0..0, table, asked: Vec::new(), faults }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn get(&mut self, key: &'static str) -> Option<Item<'a>> {
        self.asked.push(key);
        let value = self.table.get(key)?;
        Some(Item {
            path: self.path_of(key),
            span: value.span(),
            value: value.get_ref(),
            faults: self.faults,
        })
    }

    /// The same, and a fault when it is not there.
    pub(super) fn required(&mut self, key: &'static str, help: &str) -> Option<Item<'a>> {
        let found = self.get(key);
        if found.is_none() {
            self.fault(format!("`{key}` is missing"), help);
        }
        found
    }

    pub(super) fn fault(&self, message: impl Into<String>, help: &str) {
        push(self.faults, self.span.clone(), &self.path, message.into(), help);
    }

    /// Every key with its value, in the order of the file.
    pub(super) fn entries(&self) -> Vec<(Range<usize>, &'a str, Item<'a>)> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| {
                let name: &'a str = key.get_ref();
                let item = Item {
                    path: self.path_of(name),
                    span: value.span(),
                    value: value.get_ref(),
                    faults: self.faults,
                };
                (key.span(), name, item)
            })
            .collect();
        entries.sort_by_key(|(span, ..)| span.start);
        entries
    }

    /// Names every key that nobody asked for.
    pub(super) fn finish(&self) {
        for (span, key, item) in self.entries() {
            if !self.asked.contains(&key) {
                let accepted = self.asked.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
                item.fault_at(span, format!("unknown key `{key}`"), &format!("accepted here: {accepted}"));
            }
        }
    }
}

fn push(faults: &RefCell<Vec<Fault>>, span: Range<usize>, path: &str, message: String, help: &str) {
    let mut faults = faults.borrow_mut();
    if faults.len() < MAX_FAULTS {
        let help = (!help.is_empty()).then(|| help.to_owned());
        faults.push(Fault { span, path: path.to_owned(), message, help });
    }
}
