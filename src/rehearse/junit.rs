//! Results in the XML that build servers read (JUnit's).

use super::show::plain;
use std::fmt::Write;

/// One test as it went.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file it stands in.
    pub file: String,
    /// Its name.
    pub name: String,
    /// The line at which it begins.
    pub line: usize,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// `None`: it passed. Otherwise why it did not.
    pub failure: Option<String>,
}

/// A suite for each file, in the order of the cases.
#[must_use]
pub fn junit(cases: &[Case]) -> String {
    let failed = |cases: &[Case]| cases.iter().filter(|case| case.failure.is_some()).count();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites tests=\"{}\" failures=\"{}\">", cases.len(), failed(cases));
    for suite in cases.chunk_by(|a, b| a.file == b.file) {
        let file = suite.first().map_or("", |case| case.file.as_str());
        let (count, failures) = (suite.len(), failed(suite));
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{count}\" failures=\"{failures}\">",
            escape(file)
        );
        for case in suite {
            let head = format!(
                "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{}\" time=\"{:.3}\"",
                escape(&case.name),
                escape(file),
                escape(file),
                case.line,
                case.seconds
            );
            let _ = match &case.failure {
                None => writeln!(out, "{head}/>"),
                Some(why) => {
                    let first = why.lines().next().unwrap_or_default();
                    writeln!(
                        out,
                        "{head}>\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
                        escape(first),
                        why.lines().map(escape).collect::<Vec<_>>().join("\n")
                    )
                }
            };
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Text that XML takes as text; control characters have no spelling in it.
fn escape(text: &str) -> String {
    let text = plain(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&apos;")
}
