//! One picture of the full-screen view out of one snapshot. Pure: the terminal is the caller's.

use super::text::{amount, change, clock, grouped, price, rate, standing};
use crate::status::{FeedState, MarketSnapshot, PluginSnapshot, PluginState, Rates, Snapshot};
use jiff::tz::TimeZone;
use ratatui::{
    Frame,
    layout::{Alignment, Constraint, Layout, Rect},
    style::{Color, Modifier, Style, Stylize},
    text::{Line, Span},
    widgets::{Block, Borders, Cell, Paragraph, Row, Table},
};

/// Least width of the panel of markets, in columns: a code, a price, a change, a rate, a volume.
const MARKETS_WIDTH: u16 = 62;

/// Least width of the panel of bars with and without open, high and low.
const WIDE_BARS: u16 = 84;
const NARROW_BARS: u16 = 45;

/// Draws `snapshot`; times of day are in `timezone`.
pub fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot, rates: &Rates, timezone: &TimeZone) {
    let plugin_rows = u16::try_from(snapshot.plugins.len()).unwrap_or(u16::MAX).clamp(1, 5);
    let [head, middle, alerts_area, plugins_area, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Fill(3),
        Constraint::Fill(2),
        Constraint::Length(plugin_rows + 1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let beside = middle.width >= MARKETS_WIDTH + NARROW_BARS;
    let [markets_area, bars_area] = if beside {
        Layout::horizontal([Constraint::Length(MARKETS_WIDTH), Constraint::Fill(1)]).areas(middle)
    } else {
        Layout::vertical([Constraint::Fill(2), Constraint::Fill(1)]).areas(middle)
    };

    frame.render_widget(header(snapshot, rates), head);
    frame.render_widget(markets(snapshot, rates), markets_area);
    frame.render_widget(bars(snapshot, bars_area, timezone), bars_area);
    frame.render_widget(alerts(snapshot, alerts_area, timezone), alerts_area);
    frame.render_widget(plugins(snapshot), plugins_area);
    let foot_text = Line::from(" q or Ctrl-C ends ").alignment(Alignment::Right);
    frame.render_widget(foot_text.style(dim()), foot);
}

fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

fn panel(title: &str) -> Block<'_> {
    Block::new().borders(Borders::TOP).border_style(dim()).title(Span::from(format!(" {title} ")).bold())
}

fn header(snapshot: &Snapshot, rates: &Rates) -> Paragraph<'static> {
    let colour = match snapshot.feed.state {
        FeedState::Live => Color::Green,
        FeedState::Idle | FeedState::Connecting => Color::Yellow,
        FeedState::Lost | FeedState::Waiting | FeedState::Refused => Color::Red,
    };
    let first = Line::from(vec![
        Span::from(" tradehook ").bold().reversed(),
        Span::from(format!("  {}  ", snapshot.venue)),
        Span::from(format!("● {}", standing(&snapshot.feed, snapshot.now_ms))).fg(colour).bold(),
    ]);
    let mut second = vec![
        Span::from(format!(" {}", rate(rates.trades_per_second()))).bold(),
        Span::from(format!(" trades/s   {} trades", grouped(&snapshot.intake.trades.to_string()))),
        Span::from(format!("   lag {}", grouped(&snapshot.lag().to_string()))),
    ];
    let open: u64 = snapshot.intake.gaps.open.values().sum();
    if open > 0 {
        second.push(Span::from(format!("   open gaps {open}")).fg(Color::Red));
    }
    if snapshot.tape.degraded {
        second.push(Span::from("   the tape's disk refuses writes").fg(Color::Red));
    }
    Paragraph::new(vec![first, Line::from(second)])
}

fn right(text: String) -> Cell<'static> {
    Cell::from(Line::from(text).alignment(Alignment::Right))
}

fn heading(names: &[(&'static str, Alignment)]) -> Row<'static> {
    names
        .iter()
        .map(|&(name, side)| Cell::from(Line::from(name).alignment(side)))
        .collect::<Row<'_>>()
        .style(dim())
}

fn markets(snapshot: &Snapshot, rates: &Rates) -> Table<'static> {
    let mut order: Vec<(usize, &MarketSnapshot)> = snapshot.markets.iter().enumerate().collect();
    // The busiest first; those equal keep the order in which they were first seen.
    order.sort_by_key(|(_, market)| std::cmp::Reverse(market.trades));
    let rows = order.into_iter().map(|(index, market)| {
        Row::new([
            Cell::from(market.code.clone()),
            right(price(market)),
            right(change(market)).fg(change_colour(market)),
            right(rate(rates.market_per_second(index))),
            right(amount(market.volume)),
        ])
    });
    let widths = [
        Constraint::Length(12),
        Constraint::Length(15),
        Constraint::Length(10),
        Constraint::Length(8),
        Constraint::Length(11),
    ];
    let (left, right) = (Alignment::Left, Alignment::Right);
    Table::new(rows, widths).block(panel("markets")).header(heading(&[
        ("market", left),
        ("last", right),
        ("change", right),
        ("per s", right),
        ("volume", right),
    ]))
}

fn change_colour(market: &MarketSnapshot) -> Color {
    match market.change_percent() {
        Some(percent) if percent > 0.0 => Color::Green,
        Some(percent) if percent < 0.0 => Color::Red,
        _ => Color::Reset,
    }
}

/// The rows that fit below a panel's border and `above` lines of it.
fn rows_in(area: Rect, above: u16) -> usize {
    usize::from(area.height.saturating_sub(1 + above))
}

/// The columns of the panel of bars: how wide, and what stands above. A price that does not fit
/// would be cut at its front and lie, so a narrow panel shows fewer columns instead.
fn bar_columns(wide: bool) -> (Vec<Constraint>, Row<'static>) {
    let (left, right) = (Alignment::Left, Alignment::Right);
    let mut columns = vec![(8, "from", left), (4, "", left), (10, "market", left)];
    if wide {
        columns.extend([(12, "open", right), (12, "high", right), (12, "low", right)]);
    }
    columns.extend([(12, "close", right), (7, "trades", right)]);
    let widths = columns.iter().map(|&(width, ..)| Constraint::Length(width)).collect();
    let names: Vec<_> = columns.iter().map(|&(_, name, side)| (name, side)).collect();
    (widths, heading(&names))
}

fn bars(snapshot: &Snapshot, area: Rect, timezone: &TimeZone) -> Table<'static> {
    let wide = area.width >= WIDE_BARS;
    let newest = snapshot.bars.iter().rev().take(rows_in(area, 1));
    let rows = newest.map(|seen| {
        let bar = &seen.item;
        let mut cells = vec![
            Cell::from(clock(bar.start_ms, timezone)),
            Cell::from(bar.size.clone()),
            Cell::from(bar.market.clone()),
        ];
        if wide {
            cells.extend([&bar.open, &bar.high, &bar.low].map(|price| right(grouped(price))));
        }
        cells.extend([right(grouped(&bar.close)), right(grouped(&bar.trades.to_string()))]);
        Row::new(cells)
    });
    let (widths, names) = bar_columns(wide);
    Table::new(rows, widths).block(panel("bars")).header(names)
}

fn alerts(snapshot: &Snapshot, area: Rect, timezone: &TimeZone) -> Paragraph<'static> {
    let lines = snapshot.alerts.iter().rev().take(rows_in(area, 0)).map(|seen| {
        let alert = &seen.item;
        let state = if alert.state == "resolved" { " resolved" } else { "" };
        Line::from(vec![
            Span::from(format!(" {}  ", clock(alert.at_ms, timezone))).style(dim()),
            Span::from(format!("{:<8}", alert.severity)).fg(severity_colour(alert.severity)).bold(),
            Span::from(format!("  {:<10}  ", alert.key)),
            Span::from(alert.title.clone()),
            Span::from(format!("  ({}{state})", alert.rule)).style(dim()),
        ])
    });
    Paragraph::new(lines.collect::<Vec<_>>()).block(panel("alerts"))
}

fn severity_colour(severity: &str) -> Color {
    match severity {
        "critical" => Color::Red,
        "warning" => Color::Yellow,
        _ => Color::Cyan,
    }
}

fn plugins(snapshot: &Snapshot) -> Paragraph<'static> {
    let lines = snapshot.plugins.iter().map(|plugin| plugin_line(plugin, snapshot.now_ms));
    Paragraph::new(lines.collect::<Vec<_>>()).block(panel("plugins"))
}

fn plugin_line(plugin: &PluginSnapshot, now_ms: i64) -> Line<'static> {
    let (colour, state) = match plugin.state {
        PluginState::Running => (Color::Green, "running".to_owned()),
        PluginState::Starting => (Color::Yellow, "starting".to_owned()),
        PluginState::Stopped => (Color::Reset, "stopped".to_owned()),
        PluginState::Quarantined { until_ms } => {
            (Color::Red, format!("quarantined, {} s left", (until_ms - now_ms).max(0) / 1000))
        }
    };
    let faults: u64 = plugin.faults.values().sum();
    let ns_per_trade = plugin.call_ns.checked_div(plugin.trades).unwrap_or(0);
    let mut spans = vec![
        Span::from(format!(" {:<12}", plugin.name)),
        Span::from(format!("{state:<12}")).fg(colour),
        Span::from(format!(
            " {:>12} trades  {:>6} ns/trade  {:>6} alerts  {:>6} records",
            grouped(&plugin.trades.to_string()),
            grouped(&ns_per_trade.to_string()),
            grouped(&plugin.alerts.to_string()),
            grouped(&plugin.records.to_string()),
        )),
    ];
    if faults > 0 {
        let last = plugin.last_fault.as_ref().map_or("", |fault| fault.kind.as_str());
        spans.push(Span::from(format!("  faults {faults}, last: {last}")).fg(Color::Red));
    }
    Line::from(spans)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::text;
    use super::*;
    use crate::status::{FaultKind, RecentAlert, RecentBar, Status};
    use ratatui::{Terminal, backend::TestBackend, buffer::Buffer};

    /// A system some seconds into its life.
    pub(super) fn busy() -> (Snapshot, Rates) {
        let status = Status::new("wss://api.upbit.com/websocket/v1", || 1_700_000_075_000);
        status.feed().live(1_700_000_000_000);
        let plugin = status.plugin("alert");
        plugin.set_state(PluginState::Running);
        plugin.note_call(1_234_567, std::time::Duration::from_secs(1));
        plugin.alerts.add(3);
        let plugin = status.plugin("mine");
        plugin.note_fault(FaultKind::Deadline, 1, "50 ms were not enough");
        plugin.set_state(PluginState::Quarantined { until_ms: 1_700_000_079_500 });
        status.pipeline("alert").offset.set(5);
        status.tape().end.set(1_239);
        for (severity, title) in
            [("info", "up 1.2 % in 5 minutes"), ("critical", "crossed \u{1b}[2J100,000,000")]
        {
            status.note_alert(RecentAlert {
                at_ms: 1_700_000_060_000,
                severity,
                state: "event",
                plugin: "alert".into(),
                rule: "btc-100m".into(),
                key: "KRW-BTC".into(),
                title: title.into(),
            });
        }
        status.note_bar(RecentBar {
            start_ms: 1_700_000_040_000,
            market: "KRW-BTC".into(),
            size: "10s".into(),
            open: "99900000".into(),
            high: "100100000".into(),
            low: "99900000".into(),
            close: "100050000".into(),
            volume: "1.5".into(),
            trades: 321,
        });
        let market = |code: &str, price: &str, close: &str, trades| MarketSnapshot {
            code: code.into(),
            price: Some(price.parse().unwrap()),
            prev_close: Some(close.parse().unwrap()),
            last_at_ms: 0,
            trades,
            volume: 12.5,
        };
        let mut rates = Rates::default();
        let mut snapshot = status.snapshot();
        snapshot.uptime_ms = 70_000;
        snapshot.markets =
            vec![market("BTC-ETH", "0.0321", "0.0321", 2), market("KRW-BTC", "100050000", "99000000", 0)];
        rates.observe(&snapshot);
        snapshot.uptime_ms = 72_000;
        snapshot.intake.trades = 12_345;
        snapshot.markets[1].trades = 300;
        rates.observe(&snapshot);
        (snapshot, rates)
    }

    fn picture(width: u16, height: u16, snapshot: &Snapshot, rates: &Rates) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, snapshot, rates, &TimeZone::UTC)).unwrap();
        terminal.backend().buffer().clone()
    }

    fn lines(buffer: &Buffer) -> Vec<String> {
        let width = usize::from(buffer.area.width);
        let rows = buffer.content.chunks(width);
        rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned())
            .collect()
    }

    /// The pictures are compared with `golden.txt`; `UPDATE_GOLDEN=1` writes it anew.
    #[test]
    fn the_pictures_are_the_golden_ones() {
        let (snapshot, rates) = busy();
        let sizes = [(80, 24), (120, 20), (160, 20)];
        let seen: String = sizes
            .into_iter()
            .flat_map(|(width, height)| {
                let mut page = lines(&picture(width, height, &snapshot, &rates));
                page.push("=".repeat(usize::from(width)));
                page
            })
            .map(|line| line + "\n")
            .collect();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/view/golden.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &seen).unwrap();
        }
        let golden = std::fs::read_to_string(path).unwrap();
        assert_eq!(seen, golden, "\n{seen}\nUPDATE_GOLDEN=1 writes {path} anew");
    }

    #[test]
    fn colours_say_good_and_bad() {
        let (snapshot, rates) = busy();
        let buffer = picture(130, 20, &snapshot, &rates);
        let text = lines(&buffer);
        let check = |word: &str, expect: Color| {
            let (y, x) = text
                .iter()
                .enumerate()
                .find_map(|(y, line)| line.find(word).map(|at| (y, line[..at].chars().count())))
                .unwrap_or_else(|| panic!("{word} is not shown in\n{}", text.join("\n")));
            let cell = buffer.cell((u16::try_from(x).unwrap(), u16::try_from(y).unwrap())).unwrap();
            assert_eq!(cell.fg, expect, "{word}");
        };
        check("live", Color::Green);
        check("+1.06 %", Color::Green);
        check("+0.00 %", Color::Reset);
        check("critical", Color::Red);
        check("info", Color::Cyan);
        check("quarantined", Color::Red);
        check("faults 1", Color::Red);
        check("running", Color::Green);
    }

    /// Proves [guest-text-is-data] for the full-screen view, and that no size of terminal hurts.
    #[test]
    fn any_size_can_be_drawn_and_nothing_a_terminal_would_obey_is() {
        let (snapshot, rates) = busy();
        for (width, height) in [(1, 1), (10, 3), (40, 10), (80, 24), (300, 100)] {
            let buffer = picture(width, height, &snapshot, &rates);
            let obeyed = buffer.content.iter().find(|cell| cell.symbol().chars().any(char::is_control));
            assert_eq!(obeyed, None, "{width}x{height}");
        }
        let empty = Status::new("", || 0).snapshot();
        picture(80, 24, &empty, &Rates::default());
        assert_eq!(text::standing(&empty.feed, 0), "idle");
    }
}
