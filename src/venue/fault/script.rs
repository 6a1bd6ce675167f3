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
    /// missing; REST refused, slow, silent or with wrong pages. What a connection does not
    /// deliver is always followed by its end, so that no trade is lost on one that looks sound.
    ///
    /// They come in the first four fifths of `length`. Then everything is right again, and all
    /// connections are dropped once, so that the last fifth is enough to be whole.
    #[must_use]
    pub fn from_seed(seed: u64, length: Duration) -> Self {
        Self::draw(seed, length, false)
    }

    /// As [`Script::from_seed`], with trades left out and spelled wrongly on connections that go on,
    /// rows missing in pages, and snapshots of trades before the last: losses that nobody can prove
    /// to have seen.
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

/// What every drawn fault may be made of.
struct Drawn {
    who: Who,
    count: u64,
    /// For what holds for a while.
    time: Duration,
    /// For what is late.
    short: Duration,
}

/// Draws one fault, which has ended `most` after `at`.
fn draw_fault(
    chance: &mut Chance,
    at: Duration,
    most: Duration,
    lossy: bool,
    steps: &mut Vec<(Duration, Planned)>,
) {
    let drawn = Drawn {
        who: chance.one_of(&[Who::All, Who::All, Who::Oldest, Who::Newest]),
        count: 1 + chance.below(30) as u64,
        time: whole_ms(most.mul_f64(chance.between(0.05, 1.0))),
        short: Duration::from_millis(20 + chance.below(600) as u64),
    };
    match chance.below(if lossy { 12 } else { 10 }) {
        // Of the sessions that are open, to their end: no trade comes between the stall and the drop
        // that tells of it.
        0 => {
            steps.push((at, Fault::Stall.on(Who::Oldest)));
            steps.push((at, Fault::Stall.on(Who::Newest)));
            steps.push((at + drawn.time, Fault::Drop.into()));
        }
        1..=4 => steps.push((at, connection_fault(chance, &drawn))),
        5 | 6 => steps.push((at, event_fault(chance, &drawn))),
        7..=9 => steps.push((at, rest_fault(chance, &drawn))),
        _ => steps.push((at, loss(chance, &drawn))),
    }
}

/// What ends a connection, keeps it from beginning, or makes it of no use.
fn connection_fault(chance: &mut Chance, drawn: &Drawn) -> Planned {
    let &Drawn { who, count, time, .. } = drawn;
    let code = chance.one_of(&[1000, 1001, 1006, 1011, 1012]);
    let refusal = chance.one_of(&[Refusal::too_many(time), Refusal::unavailable(time), Refusal::ban(time)]);
    chance.one_of(&[
        Fault::Drop.on(who),
        Fault::Drop.on(who),
        Fault::Reset.on(who),
        Fault::HalfOpen.on(who),
        Fault::Close { code, reason: String::new() }.on(who),
        Fault::Error { name: "INVALID_PARAM".into() }.on(who),
        Fault::DropAfter { frames: count }.into(),
        Fault::CutFrame.on(who),
        Fault::MutePongs.on(who).lasting(time),
        Fault::RefuseConnections.lasting(time),
        Fault::SilentConnections.lasting(time),
        Fault::RefuseUpgrades(refusal).into(),
    ])
}

/// What is odd about events of which none is lost.
fn event_fault(chance: &mut Chance, drawn: &Drawn) -> Planned {
    let &Drawn { who, count, time, short } = drawn;
    chance.one_of(&[
        Fault::RepeatTrades { count }.into(),
        Fault::ReorderTrades { count, within: short }.into(),
        Fault::DelayTrades { by: short }.on(who).lasting(time),
        Fault::Freeze.on(who).lasting(time.min(Duration::from_secs(15))),
        Fault::NoSnapshots.lasting(time),
        Fault::Garbage(Bytes::from_static(b"{\"type\":\"tra")).on(who),
        Fault::Pings { count: 20, bytes: 125 }.on(who),
    ])
}

/// What is wrong with REST, short of rows that are missing for good.
fn rest_fault(chance: &mut Chance, drawn: &Drawn) -> Planned {
    let &Drawn { time, short, .. } = drawn;
    let rows = 1 + chance.below(9);
    let refusal = chance.one_of(&[
        Refusal::too_many(time),
        Refusal::unavailable(time),
        Refusal::ban(time),
        Refusal::new(500, "", time),
    ]);
    chance.one_of(&[
        Fault::RefuseRest(refusal).into(),
        Fault::HangRest.lasting(time),
        Fault::SlowRest { by: short * 4 }.lasting(time),
        Fault::WrongDate { by_ms: 3_600_000 }.lasting(time),
        Fault::BadPages(BadPage::Overlap { rows }).lasting(time),
        Fault::BadPages(BadPage::Repeat).lasting(time),
        Fault::BadPages(BadPage::Cut).lasting(time),
        Fault::BadPages(BadPage::Empty).lasting(time),
        Fault::BadPages(BadPage::Stale { by: short }).lasting(time),
    ])
}

/// What is lost in a way that nobody can prove to have seen.
fn loss(chance: &mut Chance, drawn: &Drawn) -> Planned {
    let &Drawn { count, time, .. } = drawn;
    let (every, trades) = (1 + chance.below(5), 1 + chance.below(20));
    let how = chance.one_of(&[Mangle::CutJson, Mangle::MissingPrice, Mangle::BadUtf8]);
    chance.one_of(&[
        Fault::OmitTrades { count }.into(),
        Fault::MangleTrades { count, how }.into(),
        Fault::StaleSnapshots { trades }.lasting(time),
        Fault::BadPages(BadPage::LeaveOut { every }).lasting(time),
    ])
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
