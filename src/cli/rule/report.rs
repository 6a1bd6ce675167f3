//! Tables and spans of time as the commands about rules print them.

use crate::{
    cli::{progress::Progress, view},
    rehearse::{Happened, Reckoning, RuleTally, show_ms},
    runtime::{Rehearsal, ReplayError},
};
use jiff::{Timestamp, tz::TimeZone};

/// Over how long rules were tried, and what they did.
pub(super) struct Trial {
    pub(super) reckoning: Reckoning,
    /// The time that was counted, ms since the Unix epoch.
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) trades: u64,
}

/// Drives a rehearsal of a recording to its end, or to `until`; counts from `since` on.
pub(super) fn drive(
    rehearsal: &mut Rehearsal,
    since: Option<i64>,
    until: Option<i64>,
    mut each: impl FnMut(&Happened),
) -> Result<Trial, ReplayError> {
    let progress = Progress::new(rehearsal.progress().0);
    let (since_ms, until_ms) = (since.unwrap_or(i64::MIN), until.unwrap_or(i64::MAX));
    let (mut reckoning, mut first_ms) = (Reckoning::default(), None);
    while let Some(happened) = rehearsal.step()? {
        if rehearsal.clock_ms() > i64::MIN {
            first_ms.get_or_insert(rehearsal.clock_ms());
        }
        for happened in happened.iter().filter(|h| (since_ms..until_ms).contains(&h.at_ms)) {
            each(happened);
            reckoning.take(happened);
        }
        progress.at(rehearsal.progress().1, rehearsal.summary().trades);
        if rehearsal.clock_ms() >= until_ms {
            break;
        }
    }
    progress.finish();
    let end_ms = rehearsal.clock_ms();
    reckoning.finish();
    let from_ms = first_ms.unwrap_or_default().max(since_ms);
    let to_ms = end_ms.min(until_ms).max(from_ms);
    Ok(Trial { reckoning, from_ms, to_ms, trades: rehearsal.summary().trades })
}

/// The same with nothing to look at on the way; at the end leaves what waits for company.
pub(super) fn trial(
    rehearsal: &mut Rehearsal,
    since: Option<i64>,
    until: Option<i64>,
) -> Result<Trial, ReplayError> {
    let mut trial = drive(rehearsal, since, until, |_| {})?;
    rehearsal.flush().iter().for_each(|happened| trial.reckoning.take(happened));
    Ok(trial)
}

impl Trial {
    /// `2026-11-22 09:00:00 to 2026-11-23 09:00:00 KST (1d), 1,234 trades`.
    pub(super) fn head(&self) -> String {
        if self.trades == 0 {
            return "no trades".to_owned();
        }
        let length_ms = self.to_ms - self.from_ms;
        let length = show_ms(if length_ms > 60_000 { length_ms - length_ms % 1000 } else { length_ms });
        let trades = view::grouped(&self.trades.to_string());
        format!("{} to {} KST ({length}), {trades} trades", kst(self.from_ms), kst(self.to_ms))
    }

    /// How often a day, at this pace; `None` when less than an hour was seen.
    pub(super) fn a_day(&self, count: u64) -> Option<f64> {
        let length_ms = self.to_ms - self.from_ms;
        (length_ms >= 3_600_000).then(|| count as f64 * 86_400_000.0 / length_ms as f64)
    }
}

/// The first cells of a tally: how often, how long, how restless, how loud.
pub(super) const HEAD: [&str; 8] =
    ["fired", "a day", "resolved", "median", "longest", "flaps", "messages", "untold"];

pub(super) fn cells(trial: &Trial, tally: &RuleTally) -> Vec<String> {
    let grouped = |n: u64| view::grouped(&n.to_string());
    let some = |ms: Option<i64>| ms.map_or_else(|| "-".to_owned(), |ms| show_ms(rounded(ms)));
    let is_level = tally.firings > 0;
    let only_level = |n: u64| if is_level { grouped(n) } else { "-".to_owned() };
    vec![
        grouped(tally.fired()),
        trial.a_day(tally.fired()).map_or_else(|| "-".to_owned(), |n| format!("{n:.1}")),
        only_level(tally.resolved),
        some(tally.median_ms()),
        some(tally.longest_ms()),
        only_level(tally.flaps),
        grouped(tally.notifications),
        grouped(tally.untold),
    ]
}

/// Without what nobody reads: parts of a second of something that took longer than a minute.
pub(super) const fn rounded(ms: i64) -> i64 {
    if ms > 60_000 { ms - ms % 1000 } else { ms }
}

/// A moment in Korean time, to the second.
pub(super) fn kst(at_ms: i64) -> String {
    let zone = TimeZone::get("Asia/Seoul").unwrap_or(TimeZone::UTC);
    let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Columns under one another: the first to the left, `right` many behind it to the right, the rest
/// to the left again.
pub(super) fn table(rows: &[Vec<String>], right: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = width - cell.chars().count();
            let (before, behind) = if (1..=right).contains(&column) { (gap, 0) } else { (0, gap) };
            line.push_str(&format!("{:before$}{cell}{:behind$}  ", "", ""));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
