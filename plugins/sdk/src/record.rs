//! Records of another plugin, and bars among them.

use crate::Value;
use tradehook_decimal::{Decimal, Wide};

/// A record of the plugin that this one reads (`input`).
///
/// ```
/// use tradehook_sdk::{Decimal, Incoming, Value};
///
/// let fields = [("market".to_owned(), "KRW-BTC".into()), ("close".to_owned(), Decimal::from(5).into())];
/// let record = Incoming { offset: 7, at_ms: 1_000, plugin: "bars", topic: "bar", fields: &fields };
/// assert_eq!(record.text("market"), Some("KRW-BTC"));
/// assert_eq!(record.decimal("close"), Some(Decimal::from(5)));
/// assert_eq!(record.int("close"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Incoming<'a> {
    /// Where what caused it stands on the tape.
    pub offset: u64,
    /// When that came in, ms since the Unix epoch.
    pub at_ms: i64,
    /// The name of its plugin in config.toml.
    pub plugin: &'a str,
    /// What sort of record, for instance `bar`.
    pub topic: &'a str,
    /// Named values, in the order in which they were written.
    pub fields: &'a [(String, Value)],
}

impl<'a> Incoming<'a> {
    /// The value of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        if let Value::Text(text) = self.get(name)? { Some(text) } else { None }
    }

    /// An exact number of any size.
    #[must_use]
    pub fn wide(&self, name: &str) -> Option<Wide> {
        if let Value::Number(number) = self.get(name)? { Some(*number) } else { None }
    }

    /// An exact number, where a price or a volume can hold it.
    #[must_use]
    pub fn decimal(&self, name: &str) -> Option<Decimal> {
        self.wide(name)?.narrow()
    }

    /// A count, an id or a time.
    #[must_use]
    pub fn int(&self, name: &str) -> Option<i64> {
        if let Value::Int(int) = self.get(name)? { Some(*int) } else { None }
    }

    /// A statistic: an approximation, or a number taken for one.
    #[must_use]
    pub fn float(&self, name: &str) -> Option<f64> {
        match self.get(name)? {
            Value::Float(float) => Some(*float),
            Value::Number(number) => Some(number.to_f64()),
            Value::Int(int) => Some(*int as f64),
            Value::Text(_) | Value::Bool(_) | Value::Null => None,
        }
    }

    /// Yes or no.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        if let Value::Bool(flag) = self.get(name)? { Some(*flag) } else { None }
    }

    /// A bar of the bundled `aggregate`, finished or under way; `None` for other records, and for a
    /// bar that has no prices (one without trades, before the first).
    #[must_use]
    pub fn bar(&self) -> Option<Bar<'a>> {
        let is_final = match self.topic {
            "bar" => true,
            "bar_update" => false,
            _ => return None,
        };
        Some(Bar {
            market: self.text("market")?,
            kind: self.text("kind")?,
            size: self.text("size").unwrap_or_default(),
            id: self.text("id"),
            start_ms: self.int("start_ms")?,
            end_ms: self.int("end_ms")?,
            open: self.decimal("open")?,
            high: self.decimal("high")?,
            low: self.decimal("low")?,
            close: self.decimal("close")?,
            volume: self.wide("volume"),
            notional: self.wide("notional"),
            count: self.int("count").unwrap_or_default(),
            is_final,
            rev: self.int("rev").unwrap_or_default(),
            partial: self.flag("partial").unwrap_or_default(),
            incomplete: self.flag("incomplete").unwrap_or_default(),
        })
    }
}

/// A bar of the bundled `aggregate`; its further values stand in the record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar<'a> {
    /// The market's code.
    pub market: &'a str,
    /// Which sort of bar: `time` and so on.
    pub kind: &'a str,
    /// As written in config.toml: `1m`.
    pub size: &'a str,
    /// The name that config.toml gives its bars, if one.
    pub id: Option<&'a str>,
    /// Its first moment, ms since the Unix epoch.
    pub start_ms: i64,
    /// The first moment behind it.
    pub end_ms: i64,
    /// The first price.
    pub open: Decimal,
    /// The highest.
    pub high: Decimal,
    /// The lowest.
    pub low: Decimal,
    /// The last.
    pub close: Decimal,
    /// Traded volume; `None` where the sum was not exact.
    pub volume: Option<Wide>,
    /// Traded amount, likewise.
    pub notional: Option<Wide>,
    /// How many trades.
    pub count: i64,
    /// Nothing more will come into it, but for an amendment with a higher `rev`.
    pub is_final: bool,
    /// Counts amendments of a final bar.
    pub rev: i64,
    /// Its beginning was not seen.
    pub partial: bool,
    /// It overlaps a gap.
    pub incomplete: bool,
}
