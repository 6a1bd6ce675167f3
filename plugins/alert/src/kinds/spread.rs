//! `spread`: a level on the distance of the best ask from the best bid, in bps of the middle.
//!
//! The quotes are those that the latest trade carried. Missing ones, or an ask that is not above
//! the bid, make it unknown.

use crate::bounds::{Reading, Unit};
use crate::config::{Around, Reader};
use crate::engine::{Needs, View};
use crate::fixed::{exact, times};
use crate::signal::{Fields, Signal};
use serde::Serialize;
use tradehook_sdk::Value;

/// It has no parameters.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Spread;

/// The keys beside the bounds.
pub(super) const KEYS: &[&str] = &[];

#[expect(clippy::unnecessary_wraps, reason = "all kinds are read alike")]
pub(super) fn read(_when: &mut Reader<'_>, _around: Around<'_>) -> Option<Spread> {
    Some(Spread)
}

impl Spread {
    #[expect(clippy::unused_self, reason = "all kinds are asked alike")]
    pub(super) fn unit(&self) -> Unit {
        Unit::Bps
    }

    #[expect(clippy::unused_self, reason = "all kinds are asked alike")]
    pub(super) fn build(&self, _needs: &mut Needs<'_>) -> Box<dyn Signal> {
        Box::new(Quotes)
    }

    #[expect(clippy::unused_self, reason = "all kinds are asked alike")]
    pub(super) fn words(&self) -> String {
        "spread".to_owned()
    }
}

#[derive(Debug)]
struct Quotes;

impl Signal for Quotes {
    fn value(&self, view: &View<'_>) -> Option<Reading> {
        let (bid, ask) = match (view.bid?, view.ask?) {
            // Small numbers are cheaper, and their ratio is the same.
            (bid, ask) if bid.scale() == ask.scale() => {
                (i128::from(bid.mantissa()), i128::from(ask.mantissa()))
            }
            (bid, ask) => (exact(bid), exact(ask)),
        };
        if ask <= bid {
            return None;
        }
        // (ask - bid) / ((ask + bid) / 2), times 10,000.
        Reading::ratio(times(ask - bid, 20_000)?, ask.checked_add(bid)?)
    }

    fn describe(&self, view: &View<'_>, fields: &mut Fields) {
        fields.push(("best_bid", Value::from(view.bid)));
        fields.push(("best_ask", Value::from(view.ask)));
    }
}
