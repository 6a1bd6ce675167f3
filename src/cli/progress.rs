//! The progress bar of a replay, on a terminal; nothing elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{io, io::IsTerminal, time::Instant};

const TEMPLATE: &str = "{bar:30} {percent:>3} %  {decimal_bytes} of {decimal_total_bytes}  {msg}  {eta} left";

/// How often a terminal is redrawn, in Hz.
const REDRAW_HZ: u8 = 10;

/// The bar. Bytes of the recording tell how far it is, trades how fast.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
}

impl Progress {
    /// A bar over `total_bytes` on stderr if that is a terminal. The clock it reads is for the
    /// eye alone: nothing that is replayed sees it.
    #[must_use]
    pub fn new(total_bytes: u64) -> Self {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(REDRAW_HZ)
        } else {
            ProgressDrawTarget::hidden()
        };
        Self::on(target, total_bytes)
    }

    fn on(target: ProgressDrawTarget, total_bytes: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total_bytes), target);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, started: Instant::now() }
    }

    /// So far. Once per batch.
    pub fn at(&self, bytes: u64, trades: u64) {
        if self.bar.is_hidden() {
            return;
        }
        let rate = per_second(trades, self.started.elapsed().as_secs_f64());
        self.bar.set_message(format!("{rate} trades/s"));
        self.bar.set_position(bytes);
    }

    /// Takes the bar off the terminal: the summary comes in its place.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A rate with a unit prefix: `3.1 M`.
fn per_second(count: u64, seconds: f64) -> String {
    let rate = if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
    match rate {
        r if r >= 1e6 => format!("{:.1} M", r / 1e6),
        r if r >= 1e3 => format!("{:.1} k", r / 1e3),
        r => format!("{r:.0}"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_short() {
        let check = |count, seconds, expect| assert_eq!(per_second(count, seconds), expect);
        check(0, 0.0, "0");
        check(100, 0.0, "0");
        check(500, 2.0, "250");
        check(31_000, 2.0, "15.5 k");
        check(31_000_000, 10.0, "3.1 M");
    }

    #[test]
    fn the_template_is_one_and_no_terminal_means_no_bar() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
        let progress = Progress::on(ProgressDrawTarget::hidden(), 100);
        progress.at(50, 10);
        assert_eq!(progress.bar.position(), 0);
        progress.finish();
        assert_eq!(progress.bar.length().unwrap(), 100);
    }
}
