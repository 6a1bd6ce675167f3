//! Comparisons as a person reads them.
//!
//! Keeps: [guest-text-is-data] (text of plugins is drawn without what a terminal would obey)

use super::{
    amount::show_ms,
    compare::{Comparison, Happened, Row, shown},
    file::{Expected, Test},
};
use std::fmt::Write;

/// Most rows that are drawn of one test.
const MAX_ROWS: usize = 60;
/// Rows in agreement that are drawn before and after one that is not.
const AROUND: usize = 2;

/// Text without what a terminal would obey, on one line.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What of `test` went otherwise than expected: a table, each row with its mark: `+` was not
/// expected, `-` did not happen, `!` happened otherwise.
#[must_use]
pub fn show(test: &Test, comparison: &Comparison) -> String {
    let rows = &comparison.rows;
    let is_shown = |at: usize| {
        let from = at.saturating_sub(AROUND);
        let near = rows.get(from..rows.len().min(at + AROUND + 1)).unwrap_or_default();
        near.iter().any(|row| !matches!(row, Row::Same(_)))
    };
    let mut cells = vec![["", "at", "rule", "about", "state", "severity", "value", ""].map(str::to_owned)];
    let mut left_out = 0;
    for (_, row) in rows.iter().enumerate().filter(|(at, _)| is_shown(*at)) {
        if cells.len() > MAX_ROWS {
            left_out += 1;
            continue;
        }
        push(&mut cells, test, row);
    }
    let mut out = align(&cells);
    if left_out > 0 {
        let _ = writeln!(out, "  and {left_out} more");
    }
    out
}

fn push(cells: &mut Vec<[String; 8]>, test: &Test, row: &Row) {
    match row {
        Row::Same(h) => cells.push(happened("", h, "")),
        Row::Extra(h) => cells.push(happened("+", h, "was not expected")),
        Row::Missing(e) => cells.push(expected(test, e)),
        Row::Differs(h, differences, line) => {
            let told = |d: &super::Difference| {
                format!("{}: expected {}, got {}", d.name, d.expected, plain(&d.found))
            };
            let told: Vec<_> = differences.iter().map(told).collect();
            cells.push(happened("!", h, &format!("{} (line {line})", told.join("; "))));
        }
    }
}

fn happened(mark: &str, h: &Happened, note: &str) -> [String; 8] {
    [
        mark.to_owned(),
        show_ms(h.at_ms),
        plain(&h.rule),
        plain(&h.key),
        h.state.as_str().to_owned(),
        h.severity.as_str().to_owned(),
        h.field("value").map(|value| plain(&shown(value))).unwrap_or_default(),
        note.to_owned(),
    ]
}

fn expected(test: &Test, e: &Expected) -> [String; 8] {
    [
        "-".to_owned(),
        show_ms(e.at_ms),
        e.rule.clone().or_else(|| test.rule.clone()).unwrap_or_default(),
        e.market.clone().unwrap_or_default(),
        e.state.as_str().to_owned(),
        e.severity.map(|severity| severity.as_str().to_owned()).unwrap_or_default(),
        e.value.clone().unwrap_or_default(),
        format!("did not happen (line {})", e.line),
    ]
}

/// Columns under one another, each line ended.
fn align<const N: usize>(rows: &[[String; N]]) -> String {
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::from("  ");
        for (cell, width) in row.iter().zip(&widths) {
            let gap = width.saturating_sub(cell.chars().count()) + 2;
            let gap = if *width == 0 { 0 } else { gap };
            let _ = write!(line, "{cell}{:gap$}", "");
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}
