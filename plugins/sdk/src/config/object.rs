//! One table of a configuration, walked key by key.

use super::{Mistake, describe, did_you_mean};
use crate::ConfigFault;
use serde_json::{Map, Value};

/// Takes known keys out of a table and reports what is missing, mistyped or left over. Every fault
/// goes to the one list that all walkers of a configuration share, each with its JSON pointer.
pub struct Object<'v, 'f> {
    entries: Option<&'v Map<String, Value>>,
    path: String,
    faults: &'f mut Vec<ConfigFault>,
    known: Vec<&'static str>,
}

impl<'v, 'f> Object<'v, 'f> {
    /// Walks `value`, which stands at `path` (empty for the whole configuration). Something that
    /// is no table is reported once; every key then reads as absent.
    pub fn new(value: &'v Value, path: impl Into<String>, faults: &'f mut Vec<ConfigFault>) -> Self {
        let path = path.into();
        let entries = value.as_object();
        if entries.is_none() {
            faults.push(ConfigFault::new(&path, format!("expected a table, found {}", describe(value))));
        }
        Self { entries, path, faults, known: Vec::new() }
    }

    /// Where this table, or `key` in it, stands.
    #[must_use]
    pub fn path_of(&self, key: &str) -> String {
        // A key may hold the pointer's own marks.
        format!("{}/{}", self.path, key.replace('~', "~0").replace('/', "~1"))
    }

    /// The value of `key` as it stands; `null` counts as absent.
    pub fn get(&mut self, key: &'static str) -> Option<&'v Value> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.entries?.get(key).filter(|value| !value.is_null())
    }

    /// Reads `key` if it is there.
    pub fn optional<T, E: Into<Mistake>>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value) -> Result<T, E>,
    ) -> Option<T> {
        match read(self.get(key)?) {
            Ok(read) => Some(read),
            Err(mistake) => {
                self.fault(key, mistake);
                None
            }
        }
    }

    /// Reads `key`; it is a fault when it is not there.
    pub fn required<T, E: Into<Mistake>>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value) -> Result<T, E>,
    ) -> Option<T> {
        if self.get(key).is_none() && self.entries.is_some() {
            self.faults.push(ConfigFault::new(&self.path, format!("`{key}` is missing")));
        }
        self.optional(key, read)
    }

    /// Whether there is a table to walk at all; that there is none has been reported.
    #[must_use]
    pub fn is_table(&self) -> bool {
        self.entries.is_some()
    }

    /// Reads a table under `key`, if it is there, with a walker of its own. `read` is not asked
    /// about something that is no table.
    pub fn table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Object<'v, '_>) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(key)?;
        let path = self.path_of(key);
        let mut inner = Object::new(value, path, self.faults);
        let yielded = if inner.is_table() { read(&mut inner) } else { None };
        inner.finish();
        yielded
    }

    /// Reads a list under `key`, if it is there: `read` is given each item and its place. Items
    /// that yield nothing have reported why.
    pub fn list<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&'v Value, String, &mut Vec<ConfigFault>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let value = self.get(key)?;
        let path = self.path_of(key);
        let Some(items) = value.as_array() else {
            self.fault(key, Mistake::new(format!("expected a list, found {}", describe(value))));
            return None;
        };
        let each = items.iter().enumerate();
        Some(each.filter_map(|(i, item)| read(item, format!("{path}/{i}"), self.faults)).collect())
    }

    /// Reports a fault at `key`, or at the table itself when `key` is empty.
    pub fn fault(&mut self, key: &str, mistake: impl Into<Mistake>) {
        let path = if key.is_empty() { self.path.clone() } else { self.path_of(key) };
        self.faults.push(mistake.into().at(path));
    }

    /// Reports every key that was never asked for.
    pub fn finish(self) {
        let Some(entries) = self.entries else { return };
        for key in entries.keys().filter(|key| !self.known.contains(&key.as_str())) {
            let help = did_you_mean(key, &self.known).map_or_else(
                || format!("known keys: {}", self.known.join(", ")),
                |meant| format!("did you mean `{meant}`?"),
            );
            let fault = ConfigFault::new(self.path_of(key), format!("unknown key `{key}`")).help(help);
            self.faults.push(fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use serde_json::json;

    fn faults_of(value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        let mut table = Object::new(value, "", &mut faults);
        table.required("size", config::duration);
        table.optional("keep", config::flag);
        table.table("price", |price| price.optional("min", config::money));
        table.list("names", |item, path, faults| {
            item.as_str().map(str::to_owned).or_else(|| {
                faults.push(ConfigFault::new(path, "no text"));
                None
            })
        });
        table.finish();
        faults.iter().map(|f| format!("{}: {}", f.path, f.message)).collect()
    }

    #[test]
    fn every_fault_is_listed_at_once_with_its_place() {
        let check = |value, expect: &[&str]| assert_eq!(faults_of(&value), expect, "{value}");
        check(json!({ "size": "1m", "keep": true, "price": { "min": 1 }, "names": ["a"] }), &[]);
        check(json!({ "size": "1m", "keep": null }), &[]);
        check(
            json!({ "keep": 1, "price": { "mim": 1, "min": "x" }, "names": ["a", 2], "a/b": 0 }),
            &[
                ": `size` is missing",
                "/keep: expected true or false, found the number 1",
                "/price/min: the text \"x\" is no amount",
                "/price/mim: unknown key `mim`",
                "/names/1: no text",
                "/a~1b: unknown key `a/b`",
            ],
        );
        check(json!(["size"]), &[": expected a table, found a list"]);
        check(json!({ "size": "1m", "names": 3 }), &["/names: expected a list, found the number 3"]);
    }
}
