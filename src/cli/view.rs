//! The live view: what the system does, on the terminal of whoever started it.
//!
//! Full screen where there is a terminal, plain lines elsewhere; both read the same snapshots and
//! neither holds up anything: they look at the system a few times a second, it never calls them.
//! The terminal is put back as it was at the end, on an error and on a panic.
//!
//! Keeps: [one-way] [guest-text-is-data]

mod draw;
mod plain;
mod text;

pub use draw::draw;
pub use plain::{PlainView, run_plain};
pub use text::{clock, duration, grouped};

use crate::status::{Rates, Status};
use jiff::tz::TimeZone;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::{
    io::{self, IsTerminal},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How often the screen is drawn; also how long a key waits at most.
const FRAME: Duration = Duration::from_millis(200);

/// Whether there is a terminal to show the full-screen view on: one to draw on and one to type on.
#[must_use]
pub fn has_terminal() -> bool {
    io::stdout().is_terminal() && io::stdin().is_terminal()
}

/// Shows the full-screen view until `stop` is cancelled, or cancels it when the reader presses q,
/// Esc or Ctrl-C (the terminal is raw: Ctrl-C comes as a key, not as a signal). Blocks: give it a
/// thread of its own.
///
/// # Errors
/// When the terminal cannot be used. It is put back before this returns.
pub fn run_full(status: &Status, timezone: &TimeZone, stop: &CancellationToken) -> io::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let _restored = Restore;
    let mut rates = Rates::default();
    while !stop.is_cancelled() {
        let snapshot = status.snapshot();
        rates.observe(&snapshot);
        terminal.draw(|frame| draw(frame, &snapshot, &rates, timezone))?;
        if event::poll(FRAME)? && ends(&event::read()?) {
            stop.cancel();
        }
    }
    Ok(())
}

/// Puts the terminal back however the view ends; ratatui's own hook does so on a panic.
struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn ends(event: &Event) -> bool {
    let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event else { return false };
    match code {
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => true,
        KeyCode::Char('c') => modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_escape_and_control_c_end_the_view() {
        let check = |code, modifiers, expect| {
            let event = Event::Key(KeyEvent::new(code, modifiers));
            assert_eq!(ends(&event), expect, "{event:?}");
        };
        check(KeyCode::Char('q'), KeyModifiers::NONE, true);
        check(KeyCode::Char('Q'), KeyModifiers::SHIFT, true);
        check(KeyCode::Esc, KeyModifiers::NONE, true);
        check(KeyCode::Char('c'), KeyModifiers::CONTROL, true);
        check(KeyCode::Char('c'), KeyModifiers::NONE, false);
        check(KeyCode::Enter, KeyModifiers::NONE, false);
        assert!(!ends(&Event::Resize(80, 24)));
    }
}
