//! `market_event`: the venue's own warnings and cautions about a market, as the host tells them in
//! facts: `market.warning`, `market.caution.PRICE_FLUCTUATIONS` and the like.
//!
//! Unknown until anything about any market was told; from then on, what was not told is not so.

use crate::bounds::{Bounds, Reading, Unit};
use crate::config::{Around, Reader};
use crate::engine::{Needs, View};
use crate::signal::{Fields, Signal};
use serde::Serialize;

/// Which of them: `warning`, a caution's name, or any.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct MarketEvent {
    event: Option<String>,
}

/// The keys.
pub(super) const KEYS: &[&str] = &["event"];

const WARNING: &str = "market.warning";
const CAUTION: &str = "market.caution.";

pub(super) fn read(when: &mut Reader<'_>, _around: Around<'_>) -> Option<MarketEvent> {
    if !when.has("event") {
        return Some(MarketEvent { event: None });
    }
    let event = when.required_text("event")?;
    let caution = event.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    match event.as_str() {
        "any" => Some(MarketEvent { event: None }),
        "warning" => Some(MarketEvent { event: Some(WARNING.to_owned()) }),
        name if caution => Some(MarketEvent { event: Some(format!("{CAUTION}{name}")) }),
        other => {
            let help = "any, warning, or a caution such as PRICE_FLUCTUATIONS";
            when.fault("event", format!("\"{other}\" is no event"), help);
            None
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "all thresholds are read alike")]
pub(super) fn bounds(_what: &MarketEvent) -> Option<Bounds> {
    Some(Bounds::flag())
}

impl MarketEvent {
    #[expect(clippy::unused_self, reason = "all kinds are asked alike")]
    pub(super) fn unit(&self) -> Unit {
        Unit::Flag
    }

    pub(super) fn words(&self) -> String {
        match self.event.as_deref() {
            None => "has a warning or a caution of the venue".to_owned(),
            Some(WARNING) => "has a warning of the venue".to_owned(),
            Some(name) => format!("has the caution {}", name.trim_start_matches(CAUTION)),
        }
    }

    pub(super) fn build(&self, needs: &mut Needs<'_>) -> Box<dyn Signal> {
        Box::new(Flagged { event: self.event.clone(), code: needs.code.to_owned() })
    }
}

#[derive(Debug)]
struct Flagged {
    event: Option<String>,
    code: String,
}

impl Flagged {
    /// The events that hold for this market.
    fn held<'a>(&'a self, view: &'a View<'_>) -> impl Iterator<Item = &'a str> {
        let wanted = |name: &str| match &self.event {
            Some(event) => name == event,
            None => name == WARNING || name.starts_with(CAUTION),
        };
        let names = view.world.names("market.").filter(move |name| wanted(name));
        names.filter(|name| {
            let fact = view.world.fact(name, &self.code).and_then(|fact| fact.value.number());
            fact.is_some_and(|yes| yes.mantissa() > 0)
        })
    }
}

impl Signal for Flagged {
    fn value(&self, view: &View<'_>) -> Option<Reading> {
        view.world.names("market.").next()?;
        Some(Reading::count(i128::from(self.held(view).next().is_some())))
    }

    fn describe(&self, view: &View<'_>, fields: &mut Fields) {
        let held: Vec<&str> = self.held(view).map(|name| name.trim_start_matches("market.")).collect();
        fields.push(("events", held.join(", ").into()));
    }
}
