//! The walk over the spanned tree: every question to a key either answers or leaves a fault.
//!
//! A [`Section`] remembers which keys were asked for, and names the others when it is finished.
//! An [`Item`] is one value with its place. Neither stops at a fault, so that one reading of the
//! file finds them all.

use std::{
    cell::{Cell, RefCell},
    fmt::Display,
    ops::{Range, RangeInclusive},
    path::{Path, PathBuf},
    time::Duration,
};

use toml::de::{DeTable, DeValue};

use super::{
    Outside,
    fault::{Fault, MAX_FAULTS, Source},
    text::{self, quoted},
};

/// What the whole walk shares.
pub(super) struct Walk<'a> {
    pub(super) source: &'a Source,
    pub(super) outside: &'a dyn Outside,
    pub(super) base: &'a Path,
    faults: RefCell<Vec<Fault>>,
    more: Cell<usize>,
    warnings: RefCell<Vec<Fault>>,
    secrets: RefCell<Vec<Range<usize>>>,
    /// Paths of all keys that were asked for, whether they are there or not.
    #[cfg(test)]
    asked: RefCell<std::collections::BTreeSet<String>>,
}

/// What a walk leaves behind.
pub(super) struct Findings {
    pub(super) faults: Vec<Fault>,
    pub(super) more: usize,
    pub(super) warnings: Vec<Fault>,
    pub(super) secrets: Vec<Range<usize>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(source: &'a Source, outside: &'a dyn Outside, base: &'a Path) -> Self {
        Self {
            source,
            outside,
            base,
            faults: RefCell::default(),
            more: Cell::new(0),
            warnings: RefCell::default(),
            secrets: RefCell::default(),
            #[cfg(test)]
            asked: RefCell::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn asked(&self) -> std::collections::BTreeSet<String> {
        self.asked.borrow().clone()
    }

    pub(super) fn fault(&self, span: Range<usize>, path: &str, message: String, help: Option<String>) {
        let mut faults = self.faults.borrow_mut();
        if faults.len() >= MAX_FAULTS {
            self.more.set(self.more.get() + 1);
            return;
        }
        faults.push(Fault { place: Some(self.source.place(span)), path: path.into(), message, help });
    }

    pub(super) fn warn(&self, item: &Item<'_>, message: String, help: String) {
        let place = Some(self.source.place(item.span.clone()));
        let fault = Fault { place, path: item.path.clone(), message, help: Some(help) };
        self.warnings.borrow_mut().push(fault);
    }

    /// Keeps `span` out of everything that is drawn.
    pub(super) fn hide(&self, span: Range<usize>) {
        self.secrets.borrow_mut().push(span);
    }

    pub(super) fn findings(self) -> Findings {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|f| f.place.as_ref().map_or(0, |p| p.span.start));
        Findings {
            faults,
            more: self.more.get(),
            warnings: self.warnings.into_inner(),
            secrets: self.secrets.into_inner(),
        }
    }
}

/// A value and its place.
#[derive(Clone)]
pub(super) struct Item<'a> {
    pub(super) walk: &'a Walk<'a>,
    pub(super) path: String,
    pub(super) span: Range<usize>,
    pub(super) value: &'a DeValue<'a>,
}

impl<'a> Item<'a> {
    pub(super) fn fault(&self, message: impl Into<String>, help: impl Into<Option<String>>) {
        self.walk.fault(self.span.clone(), &self.path, message.into(), help.into());
    }

    /// Says that a value of another type is wanted here, with an example.
    pub(super) fn wrong(&self, wanted: &str, example: &str) {
        let help = (!example.is_empty()).then(|| format!("write {example}"));
        self.fault(format!("expected {wanted}, found {}", self.found()), help);
    }

    fn found(&self) -> String {
        match self.value {
            DeValue::String(s) => format!("the string {}", quoted(s)),
            DeValue::Integer(n) => format!("the integer {n}"),
            DeValue::Float(n) => format!("the float {n}"),
            DeValue::Boolean(b) => format!("the boolean {b}"),
            DeValue::Datetime(d) => format!("the date {d}"),
            DeValue::Array(_) => "an array".into(),
            DeValue::Table(_) => "a table".into(),
        }
    }

    pub(super) fn string(&self, wanted: &str, example: &str) -> Option<&'a str> {
        let text = self.value.as_str();
        if text.is_none() {
            self.wrong(wanted, example);
        }
        text
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        let value = self.value.as_bool();
        if value.is_none() {
            self.wrong("true or false", "");
        }
        value
    }

    pub(super) fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let Some(number) = self.value.as_integer() else {
            self.wrong("a whole number", "it without quotes and without a fraction");
            return None;
        };
        let value = i128::from_str_radix(number.as_str(), number.radix()).ok();
        let value = value.and_then(|n| u64::try_from(n).ok());
        self.within(value, range, number, |n| n.to_string())
    }

    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let text = self.quantity("a duration", "\"20s\"", "s")?;
        match text::duration(text) {
            Ok(value) => self.within(Some(value), range, text, text::show_duration),
            Err(help) => {
                self.fault(format!("{} is not a duration", quoted(text)), help);
                None
            }
        }
    }

    pub(super) fn size(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.quantity("a size", "\"16MiB\"", "MiB")?;
        match text::size(text) {
            Ok(value) => self.within(Some(value), range, text, text::show_size),
            Err(help) => {
                self.fault(format!("{} is not a size", quoted(text)), help);
                None
            }
        }
    }

    /// The text of a quantity; a bare number is answered with the number and a unit.
    fn quantity(&self, wanted: &str, example: &str, unit: &str) -> Option<&'a str> {
        match self.value {
            DeValue::Integer(n) => self.wrong(&format!("{wanted} with its unit"), &format!("\"{n}{unit}\"")),
            DeValue::String(s) => return Some(s),
            _ => self.wrong(&format!("{wanted} like {example}"), ""),
        }
        None
    }

    fn within<T: PartialOrd + Copy>(
        &self,
        value: Option<T>,
        range: RangeInclusive<T>,
        found: impl Display,
        show: impl Fn(T) -> String,
    ) -> Option<T> {
        let value = value.filter(|v| range.contains(v));
        if value.is_none() {
            let help =
                format!("anything from {} to {} is accepted", show(*range.start()), show(*range.end()));
            self.fault(format!("{found} is out of range"), help);
        }
        value
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<_> = words.iter().map(|w| w.0).collect();
        let list = names.iter().map(|n| quoted(n)).collect::<Vec<_>>().join(", ");
        let found = self.string(&format!("one of {list}"), "")?;
        let value = words.iter().find(|w| w.0 == found).map(|w| w.1);
        if value.is_none() {
            let meant = text::nearest(found, names).map(|n| format!("did you mean {}? ", quoted(n)));
            let help = format!("{}accepted: {list}", meant.unwrap_or_default());
            self.fault(format!("unknown value {}", quoted(found)), help);
        }
        value
    }

    /// A path, joined to the folder of the file.
    pub(super) fn path(&self) -> Option<PathBuf> {
        let text = self.string("a path", "\"folder/file\"")?;
        if text.is_empty() || text.contains('\0') {
            self.fault("the path is empty or holds a zero byte", None);
            return None;
        }
        Some(self.walk.base.join(text))
    }

    /// The elements of an array.
    pub(super) fn items(&self, example: &str) -> Option<Vec<Item<'a>>> {
        let Some(array) = self.value.as_array() else {
            self.wrong("an array", example);
            return None;
        };
        let item = |(n, v): (usize, &'a toml::Spanned<DeValue<'a>>)| Item {
            walk: self.walk,
            path: format!("{}[{n}]", self.path),
            span: v.span(),
            value: v.get_ref(),
        };
        Some(array.iter().enumerate().map(item).collect())
    }

    /// An array of strings; elements of another type are faults and left out.
    pub(super) fn strings(&self, example: &str) -> Option<Vec<(Item<'a>, &'a str)>> {
        let items = self.items(example)?;
        Some(items.into_iter().filter_map(|i| i.string("a string", "").map(|s| (i.clone(), s))).collect())
    }

    /// The table behind this value.
    pub(super) fn section(&self) -> Option<Section<'a>> {
        let Some(table) = self.value.as_table() else {
            self.wrong("a table", "");
            return None;
        };
        Some(Section {
            walk: self.walk,
            path: self.path.clone(),
            span: self.span.clone(),
            table: Some(table),
            asked: Vec::new(),
        })
    }
}

/// A table that is being asked for its keys.
pub(super) struct Section<'a> {
    pub(super) walk: &'a Walk<'a>,
    pub(super) path: String,
    /// Of its header, or of the inline table.
    pub(super) span: Range<usize>,
    table: Option<&'a DeTable<'a>>,
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(super) fn root(walk: &'a Walk<'a>, table: &'a DeTable<'a>) -> Self {
        Self { walk, path: String::new(), span: 0..0, table: Some(table), asked: Vec::new() }
    }

    fn path_of(&self, key: &str) -> String {
        let quoted = if text::is_name(key) { key.to_owned() } else { text::quoted(key) };
        if self.path.is_empty() { quoted } else { format!("{}.{quoted}", self.path) }
    }

    /// The value of `key`, if it is there.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Item<'a>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        #[cfg(test)]
        self.walk.asked.borrow_mut().insert(self.path_of(key));
        let value = self.table?.get(key)?;
        Some(Item { walk: self.walk, path: self.path_of(key), span: value.span(), value: value.get_ref() })
    }

    /// The value of `key` as `read` understands it, or `default` when it is absent or at fault.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Item<'a>) -> Option<T>,
    ) -> T {
        self.get(key).as_ref().and_then(read).unwrap_or(default)
    }

    /// The value of `key` as `read` understands it.
    pub(super) fn maybe<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Item<'a>) -> Option<T>,
    ) -> Option<T> {
        self.get(key).as_ref().and_then(read)
    }

    /// The table under `key`; one without keys when it is absent.
    pub(super) fn sub(&mut self, key: &'static str) -> Section<'a> {
        let empty = Section {
            walk: self.walk,
            path: self.path_of(key),
            span: self.span.clone(),
            table: None,
            asked: Vec::new(),
        };
        self.get(key).and_then(|item| item.section()).unwrap_or(empty)
    }

    /// Every key of the table with its own place and its value, in the order of the file.
    pub(super) fn entries(&self) -> Vec<(Range<usize>, &'a str, Item<'a>)> {
        let entry =
            |(key, value): (&'a toml::Spanned<toml::de::DeString<'a>>, &'a toml::Spanned<DeValue<'a>>)| {
                let name: &'a str = key.get_ref();
                let item = Item {
                    walk: self.walk,
                    path: self.path_of(name),
                    span: value.span(),
                    value: value.get_ref(),
                };
                (key.span(), name, item)
            };
        let mut entries: Vec<_> = self.table.into_iter().flat_map(|t| t.iter()).map(entry).collect();
        entries.sort_by_key(|e| e.0.start);
        entries
    }

    /// Notes keys that are read by [`Section::entries`] and not by name.
    #[cfg(test)]
    pub(super) fn knows(&self, keys: &[&str]) {
        self.walk.asked.borrow_mut().extend(keys.iter().map(|key| self.path_of(key)));
    }

    /// Whether the table under `key` has a key `inner`; this is not asking for either.
    pub(super) fn holds(&self, key: &str, inner: &str) -> bool {
        let table = self.table.and_then(|t| t.get(key)).and_then(|v| v.get_ref().as_table());
        table.is_some_and(|t| t.contains_key(inner))
    }

    /// Whether there are more than `most` keys; faulted then.
    pub(super) fn is_longer_than(&self, most: usize) -> bool {
        let count = self.table.map_or(0, |t| t.len());
        if count > most {
            self.fault(format!("{count} entries in [{}]", self.path), format!("at most {most} are accepted"));
        }
        count > most
    }

    pub(super) fn fault(&self, message: impl Into<String>, help: impl Into<Option<String>>) {
        self.walk.fault(self.span.clone(), &self.path, message.into(), help.into());
    }

    /// Names every key that nobody asked for; `hint` may know more about one of them.
    pub(super) fn finish_with(&self, hint: impl Fn(&str) -> Option<String>) {
        for (span, key, item) in self.entries() {
            if !self.asked.contains(&key) {
                let help = hint(key).or_else(|| text::suggest(key, &self.asked, "accepted here"));
                let shown = if text::is_name(key) { format!("`{key}`") } else { quoted(key) };
                self.walk.fault(span, &item.path, format!("unknown key {shown}"), help);
            }
        }
    }

    /// Names every key that nobody asked for.
    pub(super) fn finish(&self) {
        self.finish_with(|_| None);
    }
}
