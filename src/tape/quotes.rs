//! Quotes on the tape: the payload of a block of tickers, books and candles.
//!
//! One after the other, each behind its length (so that a reader who wants none steps over them
//! without looking inside): one byte for its sort, then its fields in the order in which they stand
//! below. Whole numbers are LEB128, signed ones zigzag before; a decimal is its scale and its
//! mantissa, scale 255 alone where there is none. A book of thirty levels takes some 600 bytes, a
//! quarter of the venue's frame.
//!
//! Keeps: [numbers-survive] [bounded]

use super::MAX_MARKETS;
use crate::{
    market::MarketId,
    quote::{Candle, Day, Head, Level, MAX_LEVELS, MarketState, Orderbook, Quote, Ticker},
    trade::{ABSENT, Flags, Side},
};
use tradehook_decimal::{Decimal, Wide};

/// Most quotes of one block, and most bytes before the last of them; a larger append becomes
/// several. It keeps a reader's buffer small. Chosen, not measured.
pub(super) const MAX_QUOTES: usize = 1024;
pub(super) const FULL_BYTES: usize = 128 << 10;

/// Appends one quote to a payload.
pub(super) fn encode(quote: &Quote, out: &mut Vec<u8>) {
    let mut item = Vec::with_capacity(256);
    match quote {
        Quote::Ticker(ticker) => {
            item.push(0);
            ticker.put(&mut item);
        }
        Quote::Orderbook(book) => {
            item.push(1);
            book.put(&mut item);
        }
        Quote::Candle(candle) => {
            item.push(2);
            candle.put(&mut item);
        }
    }
    (item.len() as u64).put(out);
    out.extend_from_slice(&item);
}

/// How many quotes a payload holds, by their lengths alone; `None` where those do not fit.
pub(super) fn count(payload: &[u8]) -> Option<usize> {
    let mut items = Items(payload);
    let mut count = 0;
    while !items.0.is_empty() {
        items.item()?;
        count += 1;
    }
    Some(count)
}

/// At most `max` quotes of a payload, behind the first `skip`; `None` where one of them is none that
/// was ever written.
pub(super) fn decode(payload: &[u8], skip: usize, max: usize) -> Option<Vec<Quote>> {
    let mut items = Items(payload);
    for _ in 0..skip {
        items.item()?;
    }
    let mut quotes = Vec::new();
    while quotes.len() < max && !items.0.is_empty() {
        quotes.push(quote(items.item()?)?);
    }
    Some(quotes)
}

struct Items<'a>(&'a [u8]);

impl<'a> Items<'a> {
    fn item(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(u64::take(&mut self.0)?).ok()?;
        let (item, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(item)
    }
}

fn quote(item: &[u8]) -> Option<Quote> {
    let (kind, mut rest) = item.split_first()?;
    let from = &mut rest;
    let quote = match kind {
        0 => Quote::Ticker(Box::new(Wire::take(from)?)),
        1 => Quote::Orderbook(Wire::take(from)?),
        2 => Quote::Candle(Box::new(Wire::take(from)?)),
        _ => return None,
    };
    rest.is_empty().then_some(quote)
}

/// What has a form on the tape.
trait Wire: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn take(from: &mut &[u8]) -> Option<Self>;
}

/// A form that is that of the fields in order.
macro_rules! fields {
    ($type:ident { $($field:ident),+ $(,)? }) => {
        impl Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)+
            }
            fn take(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: Wire::take(from)?),+ })
            }
        }
    };
}

fields!(Head { market, sent_at_ms, received_at_ms, flags });
fields!(Ticker {
    head,
    traded_at_ms,
    price,
    volume,
    side,
    open,
    high,
    low,
    prev_close,
    change,
    change_rate,
    acc_volume,
    acc_notional,
    acc_volume_24h,
    acc_notional_24h,
    acc_ask_volume,
    acc_bid_volume,
    high_52w,
    high_52w_on,
    low_52w,
    low_52w_on,
    state,
    delisted_on,
});
fields!(Level { ask_price, ask_size, bid_price, bid_size });
fields!(Orderbook { head, total_ask_size, total_bid_size, grouping, levels });
fields!(Candle { head, opened_at_ms, unit_s, open, high, low, close, volume, notional });

impl Wire for u8 {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        Some(*byte)
    }
}

impl Wire for u128 {
    fn put(&self, out: &mut Vec<u8>) {
        let mut left = *self;
        while left >= 0x80 {
            out.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        out.push(left as u8);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        let mut value = 0u128;
        for shift in (0..128).step_by(7) {
            let byte = u8::take(from)?;
            let part = u128::from(byte & 0x7f);
            value |= part << shift;
            if byte < 0x80 {
                return (value >> shift == part).then_some(value);
            }
        }
        None
    }
}

/// Forms that are those of a wider number.
macro_rules! through {
    ($($narrow:ty => $wide:ty),+) => {$(
        impl Wire for $narrow {
            fn put(&self, out: &mut Vec<u8>) {
                <$wide>::from(*self).put(out);
            }
            fn take(from: &mut &[u8]) -> Option<Self> {
                <$wide>::take(from)?.try_into().ok()
            }
        }
    )+};
}

through!(u64 => u128, u32 => u128, i64 => i128);

impl Wire for i128 {
    fn put(&self, out: &mut Vec<u8>) {
        (((*self << 1) ^ (*self >> 127)) as u128).put(out);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        let folded = u128::take(from)?;
        Some((folded >> 1).cast_signed() ^ -((folded & 1).cast_signed()))
    }
}

impl Wire for Option<Decimal> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(ABSENT),
            Some(value) => {
                out.push(value.scale());
                value.mantissa().put(out);
            }
        }
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            ABSENT => Some(None),
            scale => Decimal::new(i64::take(from)?, scale).map(Some),
        }
    }
}

impl Wire for Decimal {
    fn put(&self, out: &mut Vec<u8>) {
        Some(*self).put(out);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        <Option<Self> as Wire>::take(from)?
    }
}

impl Wire for Option<Wide> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(ABSENT),
            Some(value) => {
                out.push(value.scale());
                value.mantissa().put(out);
            }
        }
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            ABSENT => Some(None),
            scale if scale <= Wide::MAX_SCALE => Some(Some(Wide::new(i128::take(from)?, scale))),
            _ => None,
        }
    }
}

impl Wire for Option<i64> {
    fn put(&self, out: &mut Vec<u8>) {
        self.unwrap_or(i64::MIN).put(out);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        i64::take(from).map(|value| Some(value).filter(|&value| value != i64::MIN))
    }
}

impl Wire for Option<Side> {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.map_or(ABSENT, |side| side as u8));
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            ABSENT => Some(None),
            side @ 0..=1 => Some(Some(Side::from_u8(side))),
            _ => None,
        }
    }
}

impl Wire for Option<Day> {
    fn put(&self, out: &mut Vec<u8>) {
        self.map_or(0, |day| day.0).put(out);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        match u32::take(from)? {
            0 => Some(None),
            day => Day::new(day / 10_000, day / 100 % 100, day % 100).map(Some),
        }
    }
}

impl Wire for MarketState {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        u8::take(from).map(Self::from_u8)
    }
}

impl Wire for Flags {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.0);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        u8::take(from).map(Self)
    }
}

impl Wire for MarketId {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        u32::take(from).filter(|&market| market < MAX_MARKETS).map(Self)
    }
}

impl Wire for Vec<Level> {
    fn put(&self, out: &mut Vec<u8>) {
        let levels = self.get(..MAX_LEVELS).unwrap_or(self);
        (levels.len() as u64).put(out);
        levels.iter().for_each(|level| level.put(out));
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        let count = usize::try_from(u64::take(from)?).ok().filter(|&count| count <= MAX_LEVELS)?;
        (0..count).map(|_| Level::take(from)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::tape::testing;

    fn payload(quotes: &[Quote]) -> Vec<u8> {
        let mut bytes = Vec::new();
        quotes.iter().for_each(|quote| encode(quote, &mut bytes));
        bytes
    }

    /// Proves [numbers-survive] for the tape's own form.
    #[test]
    fn a_payload_gives_back_the_quotes_it_was_made_of() {
        let quotes: Vec<_> = (0..60).map(testing::quote).collect();
        let bytes = payload(&quotes);
        assert_eq!(count(&bytes), Some(60));
        assert_eq!(decode(&bytes, 0, 60).as_deref(), Some(quotes.as_slice()));
        assert_eq!(decode(&bytes, 58, 9).as_deref(), quotes.get(58..), "behind a skip, up to the end");
        assert_eq!(decode(&bytes, 61, 1), None);
        for number in [0, 1, -1, i128::MAX, i128::MIN, i128::from(i64::MIN)] {
            let mut out = Vec::new();
            number.put(&mut out);
            assert_eq!(i128::take(&mut out.as_slice()), Some(number));
        }
    }

    /// A checksum keeps accidents out; this keeps out a file that somebody made. [bounded]
    #[test]
    fn any_bytes_are_quotes_or_refused() {
        let whole = payload(&(0..6).map(testing::quote).collect::<Vec<_>>());
        for cut in 0..whole.len() {
            let cut_off = whole.get(..cut).unwrap();
            if let Some(quotes) = decode(cut_off, 0, 10) {
                assert_eq!(payload(&quotes), cut_off, "only a whole number of quotes is taken");
            }
        }
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..20_000 {
            let mut bytes = whole.clone();
            let at = rng.usize(..bytes.len());
            bytes[at] = rng.u8(..);
            for quote in decode(&bytes, 0, 10).into_iter().flatten() {
                assert!(quote.head().market.0 < MAX_MARKETS);
                assert!(!matches!(quote, Quote::Orderbook(book) if book.levels.len() > MAX_LEVELS));
            }
        }
        let mut many = vec![1];
        testing::quote(1).head().put(&mut many);
        many.extend([ABSENT, ABSENT, ABSENT, 200, 1]);
        assert_eq!(quote(&many), None, "more levels than a book has");
    }
}
