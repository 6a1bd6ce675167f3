//! How far a sequence is.
//!
//! For each number of steps, the latest way to have met them is kept: whoever began later has more
//! time left, so no match is missed and none is found twice. One input meets at most one step of
//! each way. A step that is true over time is met by a trade at which it is true, or by the moment
//! at which the clock makes it true; a tick at which nothing changes meets nothing. A match forgets
//! every way. A late trade meets no step.
//!
//! Keeps: [bounded]

use super::super::{Cause, Moment};
use super::Is;
use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Steps {
    /// By the number of steps that were met, less one: when each was.
    ways: Vec<Option<Vec<i64>>>,
    /// Which steps were true at the last moment.
    truths: Vec<bool>,
    /// When the steps of the last match were met.
    pub(crate) matched: Vec<i64>,
}

impl Steps {
    /// The steps at this moment; whether they are a match.
    pub(super) fn advance(
        &mut self,
        are: &[Is],
        forbidden: bool,
        within_ms: i64,
        moment: &Moment<'_>,
    ) -> bool {
        self.ways.resize(are.len(), None);
        self.truths.resize(are.len(), false);
        let mut met = Vec::with_capacity(are.len());
        for (is, was) in are.iter().zip(&mut self.truths) {
            met.push(match is {
                Is::Happened(times) => *times > 0,
                Is::True(truth) => *truth == Some(true) && (moment.cause == Cause::Trade || !*was),
            });
            *was = *is == Is::True(Some(true));
        }
        if moment.cause == Cause::Late {
            return false;
        }
        let begun =
            |way: &Vec<i64>| way.first().is_some_and(|at| moment.now_ms.saturating_sub(*at) < within_ms);
        for way in &mut self.ways {
            *way = way.take().filter(|way| !forbidden && begun(way));
        }
        if forbidden {
            return false;
        }
        // From the last step back, so that one input is one step.
        for (place, met) in met.iter().enumerate().rev() {
            let mut way = match place.checked_sub(1) {
                _ if !met => continue,
                None => Vec::new(),
                Some(before) => match self.ways.get(before).cloned().flatten() {
                    Some(way) => way,
                    None => continue,
                },
            };
            way.push(moment.now_ms);
            if place + 1 == are.len() {
                self.ways.clear();
                self.matched = way;
                return true;
            }
            if let Some(slot) = self.ways.get_mut(place) {
                *slot = Some(way);
            }
        }
        false
    }

    /// Whether the next trade may meet a step though nothing changes.
    pub(super) fn waits(&self) -> bool {
        self.truths.contains(&true)
    }

    /// The most steps that were met.
    pub(crate) fn reached(&self) -> usize {
        self.ways.iter().rposition(Option::is_some).map_or(0, |place| place + 1)
    }
}
