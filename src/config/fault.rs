//! Faults of a configuration: data first, drawn for people on demand.
//!
//! A fault names its place by byte span, line and column, and by the path of the key. The text
//! that is kept for drawing has its secrets masked, so that a drawn fault can go into a log.
//!
//! Keeps: [bounded] (what is drawn is cut to a few lines of source), [guest-text-is-data]
//! (control characters of the file or of a plugin never reach the terminal).

use std::{fmt, ops::Range, sync::Arc};

use super::Config;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet, normalize_untrusted_str};

/// Most faults that are kept of one file; beyond them only their number is.
pub(super) const MAX_FAULTS: usize = 1000;
/// Most lines of source that are drawn under one fault.
const MAX_DRAWN_LINES: usize = 4;

/// Where something stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Place {
    /// Bytes from the start of the text.
    pub span: Range<usize>,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// Where it stands; `None` when it concerns the file as a whole.
    pub place: Option<Place>,
    /// The key, like `alert[2].when.clear`; empty when it concerns no key.
    pub path: String,
    /// What is wrong: a lowercase fragment.
    pub message: String,
    /// What would be accepted.
    pub help: Option<String>,
}

/// A file that was refused, with all its faults in the order of their places.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Every fault; never empty.
    pub faults: Vec<Fault>,
    pub(super) more: usize,
    pub(super) source: Source,
    /// With defaults where a fault stands. `None` when nothing could be read, or all of it.
    pub(super) rest: Option<Box<Config>>,
}

impl Refused {
    /// A refusal that concerns no place in a text.
    pub(super) fn unplaced(name: &str, message: String) -> Self {
        let fault = Fault { place: None, path: String::new(), message, help: None };
        Self { faults: vec![fault], more: 0, source: Source::new(name, ""), rest: None }
    }

    /// A refusal of a text that is no configuration but lies beside one, each fault with its bytes
    /// in the text, the path of its key, what is wrong and what would be accepted.
    #[must_use]
    pub fn of(
        name: &str,
        text: &str,
        faults: impl IntoIterator<Item = (Range<usize>, String, String, Option<String>)>,
    ) -> Self {
        let source = Source::new(name, text);
        let fault =
            |(span, path, message, help)| Fault { place: Some(source.place(span)), path, message, help };
        let mut faults: Vec<Fault> = faults.into_iter().map(fault).collect();
        let more = faults.len().saturating_sub(MAX_FAULTS);
        faults.truncate(MAX_FAULTS);
        Self { faults, more, source, rest: None }
    }

    /// What could be read of the file, with defaults where a fault stands: to look for more
    /// faults in, never to be run.
    #[must_use]
    pub fn rest(&self) -> Option<&Config> {
        self.rest.as_deref()
    }

    /// The same refusal with faults that were found in its rest. One at a place that is at fault
    /// already, or around or within such a place, follows from that and is left out.
    #[must_use]
    pub fn with(mut self, found: Vec<Fault>) -> Self {
        let known = self.faults.len();
        for fault in found {
            if !self.faults.iter().take(known).any(|f| is_within(&f.path, &fault.path)) {
                self.faults.push(fault);
            }
        }
        self.faults.sort_by_key(|f| f.place.as_ref().map_or(0, |p| p.span.start));
        self.more += self.faults.len().saturating_sub(MAX_FAULTS);
        self.faults.truncate(MAX_FAULTS);
        self
    }

    /// Name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.source.name
    }

    /// All faults drawn at their places, and how many there are.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let mut out = String::new();
        for fault in &self.faults {
            out.push_str(&self.source.draw(fault, &Level::ERROR, color));
            out.push_str("\n\n");
        }
        let count = self.faults.len() + self.more;
        let noun = if count == 1 { "fault" } else { "faults" };
        if self.more > 0 {
            out.push_str(&format!("the first {} are shown; ", self.faults.len()));
        }
        out.push_str(&format!("{count} {noun} in {}; nothing was started", normal(&self.source.name)));
        out
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Refused {}

/// Whether one of two paths of keys leads through the other.
fn is_within(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let rest = long.strip_prefix(short).filter(|_| !short.is_empty());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A text with a name, which knows its lines.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: Arc<str>,
    line_starts: Arc<[usize]>,
}

impl Source {
    pub(super) fn new(name: &str, text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Self { name: name.into(), line_starts: starts.collect(), text: text.into() }
    }

    /// The same text with every one of `spans` starred out, byte for byte.
    pub(super) fn masked(&self, spans: &[Range<usize>]) -> Self {
        let mut text = self.text.to_string();
        for span in spans {
            if let Some(secret) = text.get(span.clone()) {
                let stars: String = secret
                    .bytes()
                    .map(|b| if b == b'\n' || b == b'\r' { char::from(b) } else { '*' })
                    .collect();
                text.replace_range(span.clone(), &stars);
            }
        }
        Self { text: text.into(), ..self.clone() }
    }

    /// Line (from 0) that holds byte `at`.
    fn line_of(&self, at: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= at).saturating_sub(1)
    }

    fn start_of(&self, line: usize) -> usize {
        self.line_starts.get(line).copied().unwrap_or(self.text.len())
    }

    /// `span` as a place; cut to the text and to character boundaries.
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        let floor = |mut at: usize| {
            at = at.min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (floor(span.start), floor(span.end));
        let line = self.line_of(start);
        let column = self.text.get(self.start_of(line)..start).map_or(0, |s| s.chars().count());
        Place { span: start..end.max(start), line: line + 1, column: column + 1 }
    }

    /// One fault as people read it.
    pub(super) fn draw(&self, fault: &Fault, level: &Level<'_>, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let title = level.clone().primary_title(normal(&fault.message));
        let help = fault.help.as_deref().map(|h| Level::HELP.message(normal(h)));
        let Some(place) = &fault.place else {
            return renderer.render(&[annotate_snippets::Group::with_title(title).elements(help)]);
        };
        let (first, cut, span) = self.cut(place);
        let snippet = Snippet::source(cut)
            .path(normal(&self.name))
            .line_start(first)
            .annotation(AnnotationKind::Primary.span(span));
        renderer.render(&[title.element(snippet).elements(help)])
    }

    /// The lines of `place`: number of the first, their text, and the span within it.
    fn cut(&self, place: &Place) -> (usize, String, Range<usize>) {
        let first = place.line - 1;
        let last =
            self.line_of(place.span.end.max(place.span.start + 1) - 1).min(first + MAX_DRAWN_LINES - 1);
        let (from, to) = (self.start_of(first), self.start_of(last + 1));
        let cut = self.text.get(from..to).unwrap_or("").trim_end_matches(['\n', '\r']);
        let start = (place.span.start - from).min(cut.len());
        let end = (place.span.end - from).clamp(start, cut.len());
        // The renderer does not know these; the replacement has their length, so that spans hold.
        let shown = cut.chars().map(|c| if is_c1(c) { '\u{b7}' } else { c }).collect();
        (place.line, shown, start..end)
    }
}

/// `text` on one line, without anything a terminal would obey.
fn normal(text: &str) -> String {
    let one_line: String = text
        .chars()
        .map(|c| match c {
            '\n' => ' ',
            c if is_c1(c) => '\u{fffd}',
            c => c,
        })
        .collect();
    normalize_untrusted_str(&one_line)
}

/// The second block of control characters, among them a one-character escape sequence opener.
fn is_c1(c: char) -> bool {
    ('\u{80}'..='\u{9f}').contains(&c)
}
