//! The view as lines, where there is no terminal to draw on: a log file, a pipe, a test.

use super::text::{clock, grouped, price, rate, standing};
use crate::status::{FeedState, Rates, RecentAlert, RecentBar, Seen, Snapshot, Status};
use jiff::tz::TimeZone;
use std::{
    io::{self, Write},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How often the system is looked at: how late a line may be.
const LOOK: Duration = Duration::from_millis(100);

/// How often the rate is printed.
const RATE_EVERY_MS: u64 = 1_000;

/// How many markets stand on the line of the rate: the busiest ones.
const MARKETS: usize = 4;

/// Prints plain lines to `out` until `stop` is cancelled, and once more then.
///
/// # Errors
/// When `out` does not take them, for instance because its reader went away.
pub async fn run_plain(
    status: &Status,
    timezone: &TimeZone,
    stop: &CancellationToken,
    out: impl Write,
) -> io::Result<()> {
    let mut view = PlainView::new(out, timezone.clone());
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = stop.cancelled() => return view.observe(&status.snapshot()),
            _ = look.tick() => view.observe(&status.snapshot())?,
        }
    }
}

/// Turns snapshots into lines: changes of the connection, a rate a second, bars and alerts.
#[derive(Debug)]
pub struct PlainView<W> {
    out: W,
    timezone: TimeZone,
    rates: Rates,
    state: Option<FeedState>,
    next_rate_ms: u64,
    next_alert: u64,
    next_bar: u64,
}

impl<W: Write> PlainView<W> {
    /// Nothing is printed yet. Times of day are in `timezone`.
    pub fn new(out: W, timezone: TimeZone) -> Self {
        Self {
            out,
            timezone,
            rates: Rates::default(),
            state: None,
            next_rate_ms: RATE_EVERY_MS,
            next_alert: 0,
            next_bar: 0,
        }
    }

    /// Prints what is to be said since the last snapshot.
    ///
    /// # Errors
    /// When the lines cannot be written.
    pub fn observe(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        self.rates.observe(snapshot);
        self.connection(snapshot)?;
        self.bars(&snapshot.bars)?;
        self.alerts(&snapshot.alerts)?;
        if snapshot.uptime_ms >= self.next_rate_ms {
            self.next_rate_ms = snapshot.uptime_ms + RATE_EVERY_MS - snapshot.uptime_ms % RATE_EVERY_MS;
            self.rate(snapshot)?;
        }
        self.out.flush()
    }

    fn connection(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        if self.state.replace(snapshot.feed.state) == Some(snapshot.feed.state) {
            return Ok(());
        }
        let time = clock(snapshot.now_ms, &self.timezone);
        writeln!(self.out, "{time}  {}  {}", snapshot.venue, standing(&snapshot.feed, snapshot.now_ms))
    }

    fn rate(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let mut busiest: Vec<_> = snapshot.markets.iter().collect();
        busiest.sort_by_key(|market| std::cmp::Reverse(market.trades));
        let prices: String =
            busiest.iter().take(MARKETS).map(|m| format!("  {} {}", m.code, price(m))).collect();
        writeln!(
            self.out,
            "{}  {} trades/s  {} trades  lag {}{prices}",
            clock(snapshot.now_ms, &self.timezone),
            rate(self.rates.trades_per_second()),
            grouped(&snapshot.intake.trades.to_string()),
            grouped(&snapshot.lag().to_string()),
        )
    }

    fn bars(&mut self, bars: &[Seen<RecentBar>]) -> io::Result<()> {
        let next = self.say_missed(self.next_bar, bars, "bars")?;
        for Seen { number, item: bar } in bars.iter().filter(|bar| bar.number >= next) {
            writeln!(
                self.out,
                "{}  bar {}  {}  open {}  high {}  low {}  close {}  volume {}  trades {}",
                clock(bar.start_ms, &self.timezone),
                bar.size,
                bar.market,
                grouped(&bar.open),
                grouped(&bar.high),
                grouped(&bar.low),
                grouped(&bar.close),
                grouped(&bar.volume),
                bar.trades,
            )?;
            self.next_bar = number + 1;
        }
        Ok(())
    }

    fn alerts(&mut self, alerts: &[Seen<RecentAlert>]) -> io::Result<()> {
        let next = self.say_missed(self.next_alert, alerts, "alerts")?;
        for Seen { number, item: alert } in alerts.iter().filter(|alert| alert.number >= next) {
            let state = if alert.state == "resolved" { " resolved" } else { "" };
            writeln!(
                self.out,
                "{}  alert {}{state}  {}  {}  {}",
                clock(alert.at_ms, &self.timezone),
                alert.severity,
                alert.key,
                alert.rule,
                alert.title,
            )?;
            self.next_alert = number + 1;
        }
        Ok(())
    }

    /// The memory is short: what fell out of it before it could be printed is at least counted.
    fn say_missed<T>(&mut self, next: u64, items: &[Seen<T>], what: &str) -> io::Result<u64> {
        let oldest = items.first().map_or(next, |item| item.number);
        if oldest > next {
            writeln!(self.out, "          ({} {what} came too fast to show)", oldest - next)?;
        }
        Ok(oldest.max(next))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn now() -> i64 {
        1_700_000_000_000
    }

    fn alert(title: &str) -> RecentAlert {
        RecentAlert {
            at_ms: now(),
            severity: "warning",
            state: "firing",
            plugin: "alert".into(),
            rule: "surge".into(),
            key: "KRW-XRP".into(),
            title: title.into(),
        }
    }

    fn bar() -> RecentBar {
        RecentBar {
            start_ms: now() - 10_000,
            market: "KRW-BTC".into(),
            size: "10s".into(),
            open: "99900000".into(),
            high: "100100000".into(),
            low: "99900000".into(),
            close: "100050000".into(),
            volume: "1234.5".into(),
            trades: 321,
        }
    }

    /// What is printed for `snapshots`, line by line.
    fn printed(snapshots: &[Snapshot]) -> Vec<String> {
        let mut out = Vec::new();
        let mut view = PlainView::new(&mut out, TimeZone::UTC);
        for snapshot in snapshots {
            view.observe(snapshot).unwrap();
        }
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    fn at(status: &Status, uptime_ms: u64) -> Snapshot {
        Snapshot { uptime_ms, ..status.snapshot() }
    }

    #[test]
    fn changes_are_printed_once_and_the_rate_once_a_second() {
        let status = Status::new("ws://127.0.0.1:1", now);
        let mut seen = vec![at(&status, 0)];
        status.feed().connecting(now());
        seen.push(at(&status, 100));
        status.feed().live(now());
        status.note_alert(alert("volume is 5 times its usual\u{1b}[31m"));
        status.note_bar(bar());
        seen.push(at(&status, 200));
        seen.push(at(&status, 300));
        status.intake().trades.add(900);
        seen.push(at(&status, 1_000));
        seen.push(at(&status, 1_900));
        seen.push(at(&status, 2_000));
        status.feed().lost(now(), "reset", "connection reset by peer");
        seen.push(at(&status, 2_100));
        let lines = printed(&seen);
        assert_eq!(
            lines,
            [
                "22:13:20  ws://127.0.0.1:1  idle",
                "22:13:20  ws://127.0.0.1:1  connecting",
                "22:13:20  ws://127.0.0.1:1  live 00:00:00",
                "22:13:10  bar 10s  KRW-BTC  open 99,900,000  high 100,100,000  low 99,900,000  \
                 close 100,050,000  volume 1,234.5  trades 321",
                "22:13:20  alert warning  KRW-XRP  surge  volume is 5 times its usual\u{fffd}[31m",
                "22:13:20  900 trades/s  900 trades  lag 0",
                "22:13:20  450 trades/s  900 trades  lag 0",
                "22:13:20  ws://127.0.0.1:1  lost: connection reset by peer",
            ]
        );
    }

    #[test]
    fn what_came_too_fast_is_counted() {
        let status = Status::new("", now);
        status.note_alert(alert("first"));
        let before = at(&status, 0);
        (0..100).for_each(|n| status.note_alert(alert(&format!("alert {n}"))));
        let lines = printed(&[before, at(&status, 10)]);
        assert!(lines[1].ends_with("surge  first"), "{lines:?}");
        assert_eq!(lines[2], "          (36 alerts came too fast to show)");
        assert!(lines[3].ends_with("alert 36") && lines.last().unwrap().ends_with("alert 99"));
        assert_eq!(lines.len(), 3 + 64);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_printed_at_the_end_and_a_reader_that_left_is_an_error() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let status = Status::new("ws://127.0.0.1:1", now);
        let stop = CancellationToken::new();
        let gone = run_plain(&status, &TimeZone::UTC, &stop, Gone).await;
        assert_eq!(gone.unwrap_err().kind(), io::ErrorKind::BrokenPipe);

        let mut out = Vec::new();
        stop.cancel();
        run_plain(&status, &TimeZone::UTC, &stop, &mut out).await.unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "22:13:20  ws://127.0.0.1:1  idle\n");
    }
}
