//! From a JSON pointer into a plugin's settings back to the place in the file.
//!
//! The text is parsed again for that: it happens only when a start is refused, and a table of
//! all places would be carried by every process that starts well.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{
    Config, Fault, Place, Refused,
    fault::MAX_FAULTS,
    plugins::ALERT,
    text::{is_name, quoted},
};

/// One step down the tree.
struct Step {
    /// What is drawn: the key with its value when they share a line, else the one that helps.
    span: Range<usize>,
    path: String,
}

impl Config {
    /// Where `pointer` (a JSON pointer into the settings of `plugin`) stands in the file; the
    /// nearest ancestor that is written there when it is not.
    #[must_use]
    pub fn locate(&self, plugin: &str, pointer: &str) -> Option<Place> {
        self.find_setting(plugin, pointer).map(|step| self.source.place(step.span))
    }

    /// Where a key of the file stands, like `["alert", "2", "message"]`; or its nearest ancestor.
    #[must_use]
    pub fn place(&self, keys: &[&str]) -> Option<Place> {
        let keys: Vec<String> = keys.iter().map(|k| (*k).to_owned()).collect();
        self.find(&keys).map(|step| self.source.place(step.span))
    }

    /// A plugin's complaint about its settings as a fault of the file.
    #[must_use]
    pub fn fault_of(&self, plugin: &str, pointer: &str, message: String, help: Option<String>) -> Fault {
        let step = self.find_setting(plugin, pointer);
        let place = step.as_ref().map(|s| self.source.place(s.span.clone()));
        let path = step.map_or_else(|| format!("plugins.{plugin}"), |s| s.path);
        Fault { place, path, message, help }
    }

    /// A complaint about a key of the file, like `["alert", "2", "message"]`, as a fault.
    #[must_use]
    pub fn fault_at(&self, keys: &[&str], message: String, help: Option<String>) -> Fault {
        let owned: Vec<String> = keys.iter().map(|k| (*k).to_owned()).collect();
        let step = self.find(&owned);
        let place = step.as_ref().map(|s| self.source.place(s.span.clone()));
        Fault { place, path: step.map_or_else(|| keys.join("."), |s| s.path), message, help }
    }

    /// A complaint about a text of the file, like a template, at the byte `offset` within it; about
    /// all of it when the place is not known.
    #[must_use]
    pub fn fault_within(&self, keys: &[&str], offset: Option<usize>, message: String) -> Fault {
        let fault = self.fault_at(keys, message, None);
        let place = fault.place.as_ref().zip(offset);
        let place = place.and_then(|(place, offset)| self.within(place.span.clone(), offset));
        Fault { place: place.or_else(|| fault.place.clone()), ..fault }
    }

    /// The place of a byte of the string that ends `span`, if it is written as it is meant.
    fn within(&self, span: Range<usize>, offset: usize) -> Option<Place> {
        let text = self.source.text.get(span.start..)?;
        let (start, quote) = ["\"\"\"", "'''", "\"", "'"]
            .iter()
            .filter_map(|quote| text.find(quote).map(|at| (at, *quote)))
            .min_by_key(|(at, quote)| (*at, std::cmp::Reverse(quote.len())))?;
        let body = text.get(start + quote.len()..)?;
        // A line break right behind three quotes is not part of the text.
        let skipped = if quote.len() < 3 {
            0
        } else {
            body.len() - body.strip_prefix("\r\n").or_else(|| body.strip_prefix('\n')).unwrap_or(body).len()
        };
        let body = body.get(skipped..)?;
        let before = body.get(..offset)?;
        let is_plain = quote.starts_with('\'') || !before.contains('\\');
        let is_inside = !body.get(offset..)?.is_empty() && !before.contains(quote);
        let at = span.start + start + quote.len() + skipped + offset;
        let width = body.get(offset..)?.chars().next().map_or(1, char::len_utf8);
        (is_plain && is_inside).then(|| self.source.place(at..at + width))
    }

    /// The file refused for `faults` that were found after it was read.
    #[must_use]
    pub fn refuse(&self, mut faults: Vec<Fault>) -> Refused {
        faults.sort_by_key(|f| f.place.as_ref().map_or(0, |p| p.span.start));
        let more = faults.len().saturating_sub(MAX_FAULTS);
        faults.truncate(MAX_FAULTS);
        Refused { faults, more, source: self.source.clone(), rest: None }
    }

    /// The warnings drawn at their places.
    #[must_use]
    pub fn render_warnings(&self, color: bool) -> String {
        let level = annotate_snippets::Level::WARNING;
        self.warnings.iter().map(|w| self.source.draw(w, &level, color) + "\n").collect()
    }

    /// As [`Config::locate`]; settings that the host has filled in stand where they come from.
    fn find_setting(&self, plugin: &str, pointer: &str) -> Option<Step> {
        let implied = |key: &str| (plugin == ALERT).then(|| self.find(&[key.to_owned()])).flatten();
        let mut keys = segments(plugin, pointer);
        if let [list, at, ..] = keys.as_mut_slice()
            && list == "alert"
            && let Some(there) = at.parse().ok().and_then(|handed| self.alerts.in_file(handed))
        {
            *at = there.to_string();
        }
        let written = self.find(&keys).filter(|step| step.path != "plugins");
        written.or_else(|| implied("alerts")).or_else(|| implied("alert"))
    }

    fn find(&self, keys: &[String]) -> Option<Step> {
        let text = &self.source.text;
        let (tree, _) = DeTable::parse_recoverable(text);
        let mut found: Option<Step> = None;
        let mut at: Option<&DeValue<'_>> = None;
        for key in keys {
            let path = found.as_ref().map_or("", |s| s.path.as_str());
            let (step, value) = match at {
                None => down(tree.get_ref(), key, path, text)?,
                Some(DeValue::Table(table)) => match down(table, key, path, text) {
                    Some(next) => next,
                    None => break,
                },
                Some(DeValue::Array(array)) => match key.parse::<usize>().ok().and_then(|n| array.get(n)) {
                    Some(v) => (Step { span: v.span(), path: format!("{path}[{key}]") }, v.get_ref()),
                    None => break,
                },
                Some(_) => break,
            };
            (found, at) = (Some(step), Some(value));
        }
        found
    }
}

fn down<'t>(table: &'t DeTable<'t>, key: &str, path: &str, text: &str) -> Option<(Step, &'t DeValue<'t>)> {
    let (key, value) = table.get_key_value(key)?;
    let (from, to) = (key.span(), value.span());
    let pair = from.start..to.end;
    let one_line = from.end <= to.start && text.get(pair.clone()).is_some_and(|t| !t.contains('\n'));
    let span = match value.get_ref() {
        _ if one_line => pair,
        // A header holds its key.
        DeValue::Table(_) => to,
        DeValue::Array(_) if to.start < from.start => to,
        _ => from,
    };
    let name: &str = key.get_ref();
    let name = if is_name(name) { name.to_owned() } else { quoted(name) };
    let path = if path.is_empty() { name } else { format!("{path}.{name}") };
    Some((Step { span, path }, value.get_ref()))
}

/// The keys of the file that a pointer into a plugin's settings means.
fn segments(plugin: &str, pointer: &str) -> Vec<String> {
    let parts: Vec<String> =
        pointer.split('/').skip(1).map(|p| p.replace("~1", "/").replace("~0", "~")).collect();
    let mut keys: Vec<String> = match (plugin, parts.first().map(String::as_str)) {
        (ALERT, Some("rules")) => vec!["alert".into()],
        (ALERT, Some("lateness")) => vec!["alerts".into(), "lateness".into()],
        _ => ["plugins", plugin, "config"].map(String::from).into(),
    };
    let skipped = usize::from(keys.len() < 3);
    keys.extend(parts.into_iter().skip(skipped));
    keys
}
