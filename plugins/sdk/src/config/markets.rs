//! Which markets a configuration speaks of.

use super::{Mistake, Object, describe};
use serde_json::Value;

/// The keys `markets` and `exclude` of a table: globs such as `KRW-*`. Without `markets`, all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketFilter {
    include: Option<Vec<String>>,
    exclude: Vec<String>,
}

impl MarketFilter {
    /// Reads both keys.
    pub fn read(table: &mut Object<'_, '_>) -> Self {
        Self {
            include: read_globs(table, "markets"),
            exclude: read_globs(table, "exclude").unwrap_or_default(),
        }
    }

    /// Whether it lets this market through. Ask once per market, not once per trade.
    #[must_use]
    pub fn accepts(&self, code: &str) -> bool {
        let any = |globs: &[String]| globs.iter().any(|glob| glob_matches(glob, code));
        self.include.as_deref().is_none_or(any) && !any(&self.exclude)
    }
}

fn read_globs(table: &mut Object<'_, '_>, key: &'static str) -> Option<Vec<String>> {
    // One glob alone is a list of one: people write it so.
    if let Some(single @ Value::String(_)) = table.get(key) {
        return table.optional(key, |_| glob(single).map(|g| vec![g]));
    }
    let globs = table.list(key, |item, path, faults| match glob(item) {
        Ok(glob) => Some(glob),
        Err(mistake) => {
            faults.push(mistake.at(path));
            None
        }
    })?;
    let empty_by_hand = table.get(key).and_then(Value::as_array).is_some_and(Vec::is_empty);
    if empty_by_hand && key == "markets" {
        table.fault(
            key,
            Mistake::new("an empty list lets no market through").help("leave it out for all markets"),
        );
    }
    Some(globs)
}

fn glob(value: &Value) -> Result<String, Mistake> {
    let help = "a market code such as \"KRW-BTC\", or a glob such as \"KRW-*\"";
    let Some(text) = value.as_str() else {
        return Err(Mistake::new(format!("expected a market, found {}", describe(value))).help(help));
    };
    let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-' || b == b'*';
    if text.is_empty() || !text.bytes().all(plain) {
        let upper = text.to_ascii_uppercase();
        let close = !text.is_empty() && upper.bytes().all(plain);
        let help = if close { format!("did you mean {upper:?}?") } else { help.to_owned() };
        return Err(Mistake::new(format!("{text:?} is no market")).help(help));
    }
    if !text.contains('-') && !text.contains('*') {
        return Err(Mistake::new(format!("{text:?} is no market")).help(help));
    }
    Ok(text.to_owned())
}

/// Whether `code` matches a glob whose only wildcard is `*` (any run of characters).
#[must_use]
pub fn glob_matches(glob: &str, code: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| code.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for middle in parts {
        match rest.split_once(middle) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn globs_match_runs_and_nothing_else() {
        let check = |glob, code, expect| assert_eq!(glob_matches(glob, code), expect, "{glob} {code}");
        check("KRW-*", "KRW-BTC", true);
        check("KRW-*", "BTC-ETH", false);
        check("*-BTC", "USDT-BTC", true);
        check("*", "KRW-BTC", true);
        check("KRW-BTC", "KRW-BTCX", false);
        check("K*-*C", "KRW-BTC", true);
        check("KRW-B*BTC", "KRW-BTC", false);
    }

    #[test]
    fn a_filter_takes_what_is_named_and_not_excluded() {
        let check = |value: Value, code, expect| {
            let mut faults = Vec::new();
            let filter = MarketFilter::read(&mut Object::new(&value, "", &mut faults));
            assert_eq!((filter.accepts(code), faults.len()), (expect, 0), "{value} {code}");
        };
        check(json!({}), "KRW-BTC", true);
        check(json!({ "markets": ["KRW-*"] }), "BTC-ETH", false);
        check(json!({ "markets": "KRW-*", "exclude": ["KRW-USDT"] }), "KRW-USDT", false);
        check(json!({ "exclude": "*-USDT" }), "KRW-BTC", true);
    }

    #[test]
    fn what_is_no_market_is_refused_at_its_place() {
        let check = |value: Value, path: &str, help: &str| {
            let mut faults = Vec::new();
            MarketFilter::read(&mut Object::new(&value, "/rules/0", &mut faults));
            let found: Vec<_> = faults.iter().map(|f| (&*f.path, f.help.as_deref().unwrap_or(""))).collect();
            assert_eq!(found, [(path, help)], "{value}");
        };
        let any = "a market code such as \"KRW-BTC\", or a glob such as \"KRW-*\"";
        check(
            json!({ "markets": ["KRW-BTC", "krw-eth"] }),
            "/rules/0/markets/1",
            "did you mean \"KRW-ETH\"?",
        );
        check(json!({ "markets": [7] }), "/rules/0/markets/0", any);
        check(json!({ "exclude": ["BTC"] }), "/rules/0/exclude/0", any);
        check(json!({ "markets": [] }), "/rules/0/markets", "leave it out for all markets");
    }
}
