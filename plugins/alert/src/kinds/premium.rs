//! `premium`: how far a price is above the same thing bought the other way round, as a share:
//! `base / (ref * fx) - 1`.
//!
//! The legs are markets of the stream, a fact that the host tells (an exchange rate), or a fixed
//! number. A leg that is too old makes the premium unknown, never over. Its clock is that of the
//! leg that was heard last, so a quiet base market does not hold it back.

use crate::bounds::{Reading, Unit};
use crate::config::{Around, Reader};
use crate::engine::{Needs, View};
use crate::say::num;
use crate::signal::{Fields, NEVER, Signal};
use serde::Serialize;
use tradehook_decimal::{Decimal, Wide};

/// Its legs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Premium {
    pub(crate) base: String,
    reference: String,
    fx: Option<Fx>,
    max_age_ms: i64,
}

/// What the reference is multiplied with.
#[derive(Clone, Debug, PartialEq, Serialize)]
enum Fx {
    Market(String),
    Fact { name: String, max_age_ms: i64 },
    Fixed(Decimal),
}

/// The keys beside the bounds.
pub(super) const KEYS: &[&str] = &["base", "ref", "fx", "max_age"];

/// An exchange rate is told when it moves, which at night it does not.
const FACT_AGE_MS: i64 = 86_400_000;

pub(super) fn read(when: &mut Reader<'_>, _around: Around<'_>) -> Option<Premium> {
    let max_age = if when.has("max_age") { when.span("max_age", 1) } else { Some(60_000) };
    let base = market(when, "base");
    let reference = market(when, "ref");
    let fx = if when.has("fx") { Some(read_fx(when)?) } else { None };
    Some(Premium { base: base?, reference: reference?, fx, max_age_ms: max_age? })
}

fn market(when: &mut Reader<'_>, key: &str) -> Option<String> {
    let code = when.required_text(key)?;
    let right =
        code.contains('-') && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
    if !right {
        when.fault(key, format!("\"{code}\" is no market code"), "quote first, in capitals: \"KRW-BTC\"");
        return None;
    }
    Some(code)
}

/// `{ market = "KRW-USDT" }`, `{ fact = "fx.USDKRW" }` or `"1380.5"`.
fn read_fx(when: &mut Reader<'_>) -> Option<Fx> {
    let value = when.get("fx")?;
    if !value.is_object() {
        let rate = when.money("fx");
        return super::positive(when, "fx", rate).map(Fx::Fixed);
    }
    let path = format!("{}/fx", when.path());
    let mut fx = Reader::new(value, &path, &["market", "fact", "max_age"], when.faults())?;
    let max_age = if fx.has("max_age") { fx.span("max_age", 30) } else { Some(FACT_AGE_MS) };
    match super::exactly_one(&mut fx, &["market", "fact"])? {
        "market" => {
            if fx.has("max_age") {
                fx.fault("max_age", "`max_age` of a market", "`max_age` beside `fx`, for all markets");
            }
            market(&mut fx, "market").map(Fx::Market)
        }
        _ => Some(Fx::Fact { name: fx.required_text("fact")?, max_age_ms: max_age? }),
    }
}

impl Premium {
    #[expect(clippy::unused_self, reason = "all kinds are asked alike")]
    pub(super) fn unit(&self) -> Unit {
        Unit::Percent
    }

    pub(super) fn words(&self) -> String {
        let fx = match &self.fx {
            None => String::new(),
            Some(Fx::Market(code)) => format!(" x {code}"),
            Some(Fx::Fact { name, .. }) => format!(" x {name}"),
            Some(Fx::Fixed(rate)) => format!(" x {}", num(*rate)),
        };
        format!("premium of {} over {}{fx}", self.base, self.reference)
    }

    pub(super) fn build(&self, _needs: &mut Needs<'_>) -> Box<dyn Signal> {
        Box::new(Spread { what: self.clone() })
    }

    /// The markets that it looks at.
    pub(crate) fn legs(&self) -> impl Iterator<Item = &str> {
        let fx = match &self.fx {
            Some(Fx::Market(code)) => Some(code.as_str()),
            _ => None,
        };
        [self.base.as_str(), self.reference.as_str()].into_iter().chain(fx)
    }

    /// The fact that it looks at.
    pub(crate) fn fact(&self) -> Option<&str> {
        match &self.fx {
            Some(Fx::Fact { name, .. }) => Some(name),
            _ => None,
        }
    }
}

#[derive(Debug)]
struct Spread {
    what: Premium,
}

impl Spread {
    /// The price of a leg, while it is young enough.
    fn leg(&self, code: &str, view: &View<'_>) -> Option<Wide> {
        let leg = view.world.legs.get(code)?;
        young(self.clock(view), leg.at_ms, self.what.max_age_ms).then(|| leg.price.wide())
    }

    fn fx(&self, view: &View<'_>) -> Option<Wide> {
        match &self.what.fx {
            None => Some(Wide::new(1, 0)),
            Some(Fx::Market(code)) => self.leg(code, view),
            Some(Fx::Fixed(rate)) => Some(rate.wide()),
            Some(Fx::Fact { name, max_age_ms }) => {
                let fact = view.world.fact(name, "")?;
                let rate = fact.value.number().filter(|rate| rate.mantissa() > 0)?;
                young(self.clock(view), fact.at_ms, *max_age_ms).then_some(rate)
            }
        }
    }

    fn both(&self, view: &View<'_>) -> Option<(Wide, Wide)> {
        let base = self.leg(&self.what.base, view)?;
        let other = self.leg(&self.what.reference, view)?.checked_mul(self.fx(view)?)?;
        Some((base, other))
    }
}

fn young(now_ms: i64, at_ms: i64, max_age_ms: i64) -> bool {
    now_ms.saturating_sub(at_ms) < max_age_ms
}

impl Signal for Spread {
    fn value(&self, view: &View<'_>) -> Option<Reading> {
        let (base, other) = self.both(view)?;
        let scale = base.scale().max(other.scale());
        let (base, other) = (base.to_fixed(scale)?, other.to_fixed(scale)?);
        Reading::ratio(base.checked_sub(other)?, other)
    }

    fn clock(&self, view: &View<'_>) -> i64 {
        let heard = self.what.legs().filter_map(|code| view.world.legs.get(code)).map(|leg| leg.at_ms);
        let told = self.what.fact().and_then(|name| view.world.fact(name, "")).map(|fact| fact.at_ms);
        heard.chain(told).max().map_or(view.now_ms, |at_ms| at_ms.max(view.now_ms))
    }

    fn due(&self, view: &View<'_>) -> i64 {
        let now_ms = self.clock(view);
        let markets = self.what.legs().filter_map(|code| view.world.legs.get(code));
        let ends = markets.map(|leg| leg.at_ms.saturating_add(self.what.max_age_ms));
        let fact = match &self.what.fx {
            Some(Fx::Fact { name, max_age_ms }) => {
                view.world.fact(name, "").map(|fact| fact.at_ms.saturating_add(*max_age_ms))
            }
            _ => None,
        };
        ends.chain(fact).filter(|ends| *ends > now_ms).min().unwrap_or(NEVER)
    }

    fn describe(&self, view: &View<'_>, fields: &mut Fields) {
        let price = |code: &str| view.world.legs.get(code).map(|leg| leg.price);
        fields.push(("base", self.what.base.as_str().into()));
        fields.push(("base_price", price(&self.what.base).into()));
        fields.push(("ref", self.what.reference.as_str().into()));
        fields.push(("ref_price", price(&self.what.reference).into()));
        fields.push(("fx", self.fx(view).into()));
    }
}
