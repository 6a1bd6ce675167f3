//! Scripts: faults in order, each after its time from the start.
//!
//! Written by hand, read from a file, or drawn by a seed. One seed and length is one script on every
//! machine, and a script prints itself as the file that would bring it about, so that whatever a
//! drawn script broke can be played again.

use super::super::chance::Chance;
use super::{BadPage, Fault, Mangle, Planned, Refusal, Who, file};
use bytes::Bytes;
use std::{fmt, time::Duration};

/// Faults in order, each after its time from the start of the script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    pub(super) steps: Vec<(Duration, Planned)>,
}

impl<F: Into<Planned>> From<Vec<(Duration, F)>> for Script {
    fn from(steps: Vec<(Duration, F)>) -> Self {
        let mut steps: Vec<_> = steps.into_iter().map(|(at, fault)| (at, fault.into())).collect();
        steps.sort_by_key(|(at, _)| *at);
        Self { steps }
    }
}

impl Script {
    /// Draws faults that a client with REST can make good: connections that end, stall, stop or are
    /// refused; trades repeated, late, in another order or cut with their connection; snapshots
    /// missing or old; REST refused, slow, silent or with wrong pages. What a connection does not
    /// deliver is always followed by its end, so that no trade is lost on one that looks sound.
    ///
    /// They come in the first four fifths of `length`. Then everything is right again, and all
    /// connections are dropped once, so that the last fifth is enough to be whole.
    #[must_use]
    pub fn from_seed(seed: u64, length: Duration) -> Self {
        Self::draw(seed, length, false)
    }

    /// As [`Script::from_seed`], with trades left out and spelled wrongly on connections that go on,
    /// and rows missing in pages: losses that nobody can prove to have seen.
    #[must_use]
    pub fn lossy(seed: u64, length: Duration) -> Self {
        Self::draw(seed, length, true)
    }

    fn draw(seed: u64, length: Duration, lossy: bool) -> Self {
        let mut chance = Chance::new(seed, "script");
        let heal = whole_ms(length.mul_f64(0.8));
        let mean = chance.between(0.03, 0.2);
        let mut at = whole_ms(length.mul_f64(chance.between(0.02, 0.1)));
        let mut steps: Vec<(Duration, Planned)> = Vec::new();
        while at < heal {
            let most = heal.saturating_sub(at).min(length.mul_f64(0.2));
            draw_fault(&mut chance, at, most, lossy, &mut steps);
            at += whole_ms(length.mul_f64(0.002 + mean * chance.exponential()));
        }
        steps.push((heal, Fault::Clear.into()));
        steps.push((heal, Fault::Drop.into()));
        steps.sort_by_key(|(at, _)| *at);
        Self { steps }
    }

    /// The steps, in the order of their times.
    #[must_use]
    pub fn steps(&self) -> &[(Duration, Planned)] {
        &self.steps
    }
}

/// The script as a file.
impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|(at, planned)| file::write(f, *at, planned))
    }
}

/// Without what a file cannot say.
fn whole_ms(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// Draws one fault, which has ended `most` after `at`.
fn draw_fault(
    chance: &mut Chance,
    at: Duration,
    most: Duration,
    lossy: bool,
    steps: &mut Vec<(Duration, Planned)>,
) {
    let time = whole_ms(most.mul_f64(chance.between(0.05, 1.0)));
    let who = [Who::All, Who::All, Who::Oldest, Who::Newest][chance.below(4)];
    let count = 1 + chance.below(30) as u64;
    let short = Duration::from_millis(20 + chance.below(600) as u64);
    let mut put = |planned: Planned| steps.push((at, planned));
    match chance.below(if lossy { 25 } else { 22 }) {
        0 | 1 => put(Fault::Drop.on(who)),
        2 => put(Fault::Reset.on(who)),
        3 => put(Fault::HalfOpen.on(who)),
        4 => {
            put(Fault::Close { code: [1000, 1001, 1006, 1011, 1012][chance.below(5)], reason: String::new() }
                .on(who))
        }
        5 => put(Fault::DropAfter { frames: count }.into()),
        6 => put(Fault::CutFrame.on(who)),
        // With the session's end as its own; what it hid is fetched again then.
        7 | 8 => {
            put(Fault::Stall.on(Who::All).lasting(time));
            steps.push((at + time, Fault::Drop.into()));
        }
        9 => put(Fault::MutePongs.on(who).lasting(time)),
        10 => put(Fault::Freeze.on(who).lasting(time.min(Duration::from_secs(15)))),
        11 => put(Fault::RepeatTrades { count }.into()),
        12 => put(Fault::ReorderTrades { count, within: short }.into()),
        13 => put(Fault::DelayTrades { by: short }.on(who).lasting(time)),
        14 => put([Fault::NoSnapshots, Fault::StaleSnapshots { trades: 1 + chance.below(20) }]
            [chance.below(2)]
        .clone()
        .lasting(time)),
        15 => {
            put([Fault::RefuseConnections, Fault::SilentConnections][chance.below(2)].clone().lasting(time))
        }
        16 => put(Fault::RefuseUpgrades(
            [Refusal::too_many(time), Refusal::unavailable(time), Refusal::ban(time)][chance.below(3)]
                .clone(),
        )
        .into()),
        17 => put(Fault::RefuseRest(
            [
                Refusal::too_many(time),
                Refusal::unavailable(time),
                Refusal::ban(time),
                Refusal::new(500, "", time),
            ][chance.below(4)]
            .clone(),
        )
        .into()),
        18 => {
            put([Fault::HangRest, Fault::SlowRest { by: short * 4 }][chance.below(2)].clone().lasting(time))
        }
        19 => put(Fault::BadPages(
            [BadPage::Overlap { rows: 1 + chance.below(9) }, BadPage::Repeat, BadPage::Cut, BadPage::Empty]
                [chance.below(4)],
        )
        .lasting(time)),
        20 => put(Fault::BadPages(BadPage::Stale { by: short * 3 }).lasting(time)),
        21 => put([
            Fault::Garbage(Bytes::from_static(b"{\"type\":\"tra")),
            Fault::Error { name: "INVALID_PARAM".into() },
            Fault::Pings { count: 20, bytes: 125 },
            Fault::WrongDate { by_ms: 3_600_000 },
        ][chance.below(4)]
        .clone()
        .on(who)
        .lasting(time)),
        22 => put(Fault::OmitTrades { count }.into()),
        23 => put(Fault::BadPages(BadPage::LeaveOut { every: 1 + chance.below(5) }).lasting(time)),
        _ => put(Fault::MangleTrades {
            count,
            how: [Mangle::CutJson, Mangle::MissingPrice, Mangle::BadUtf8][chance.below(3)],
        }
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(300);

    #[test]
    fn a_seed_is_a_script_and_its_print_is_the_same_script() {
        for seed in 0..300 {
            let script = Script::lossy(seed, LENGTH);
            assert_eq!(script, Script::lossy(seed, LENGTH), "seed {seed}");
            let printed = script.to_string();
            assert_eq!(printed.parse::<Script>().as_ref(), Ok(&script), "seed {seed}:\n{printed}");
        }
        assert_ne!(Script::from_seed(1, LENGTH), Script::from_seed(2, LENGTH));
    }

    #[test]
    fn a_drawn_script_ends_with_everything_right_and_connections_dropped() {
        for seed in 0..300 {
            let script = Script::from_seed(seed, LENGTH);
            let heal = Duration::from_secs(240);
            let last: Vec<_> =
                script.steps().iter().rev().take(2).map(|(at, p)| (*at, p.fault.clone())).collect();
            assert_eq!(last, [(heal, Fault::Drop), (heal, Fault::Clear)], "seed {seed}");
            assert!(script.steps().len() > 2, "seed {seed} does nothing");
            for (at, planned) in script.steps() {
                assert!(*at + planned.lasting.unwrap_or_default() <= heal, "seed {seed}: {at:?} {planned:?}");
                let silent = matches!(planned.fault, Fault::OmitTrades { .. } | Fault::MangleTrades { .. });
                assert!(!silent, "seed {seed} loses in silence");
            }
        }
    }
}
