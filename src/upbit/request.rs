//! What is asked of the REST interface: paths with their queries.

use std::fmt::Write;

/// The most ticks that a page has.
pub const MAX_TICKS: u16 = 500;
/// How many UTC days back the venue answers for, besides today.
pub const MAX_DAYS_AGO: u8 = 7;

/// The list of all markets with their warnings.
pub const MARKETS_PATH: &str = "/v1/market/all?is_details=true";

/// A page of `GET /v1/trades/ticks`: of one market and one UTC day, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicksQuery<'a> {
    /// The market's code.
    pub market: &'a str,
    /// Which UTC day: 0 is the venue's today, 7 the earliest that it keeps.
    pub days_ago: u8,
    /// Only ticks with ids below this one.
    pub cursor: Option<u64>,
    /// Only ticks before this second of the day.
    pub to_second: Option<u32>,
    /// 1 to 500.
    pub count: u16,
}

impl TicksQuery<'_> {
    /// The path and the query, ready to be sent. What the venue would refuse is brought into its
    /// limits.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = String::from("/v1/trades/ticks?market=");
        push_encoded(&mut path, self.market);
        let _ = write!(path, "&count={}", self.count.clamp(1, MAX_TICKS));
        if self.days_ago > 0 {
            let _ = write!(path, "&days_ago={}", self.days_ago.min(MAX_DAYS_AGO));
        }
        if let Some(cursor) = self.cursor {
            let _ = write!(path, "&cursor={cursor}");
        }
        // Midnight at the end of a day has no name: it is what is asked for without `to`.
        if let Some(to) = self.to_second.filter(|to| *to < 86_400) {
            let _ = write!(path, "&to={:02}{:02}{:02}", to / 3600, to / 60 % 60, to % 60);
        }
        path
    }
}

/// Appends a value of a query, everything but the unreserved characters of RFC 3986 encoded.
fn push_encoded(out: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// Where REST is asked when the stream comes from `websocket_url`: the same host, `https` for `wss`
/// and `http` for `ws`. `None` for what is no WebSocket's URL.
#[must_use]
pub fn rest_base(websocket_url: &str) -> Option<String> {
    let (scheme, rest) = websocket_url.split_once("://")?;
    let scheme = match scheme {
        "wss" => "https",
        "ws" => "http",
        _ => return None,
    };
    let host = rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())?;
    Some(format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_asked_for_in_the_venues_words() {
        let page = TicksQuery { market: "KRW-BTC", days_ago: 0, cursor: None, to_second: None, count: 500 };
        let check = |query: TicksQuery<'_>, expect: &str| {
            assert_eq!(query.path(), format!("/v1/trades/ticks?market={expect}"), "{query:?}");
        };
        check(page, "KRW-BTC&count=500");
        check(
            TicksQuery { days_ago: 7, cursor: Some(17_732_400_590_950_000), ..page },
            "KRW-BTC&count=500&days_ago=7&cursor=17732400590950000",
        );
        check(TicksQuery { to_second: Some(32_707), ..page }, "KRW-BTC&count=500&to=090507");
        check(TicksQuery { to_second: Some(0), ..page }, "KRW-BTC&count=500&to=000000");
        check(TicksQuery { to_second: Some(86_400), count: 0, ..page }, "KRW-BTC&count=1");
        check(TicksQuery { days_ago: 200, count: 9_999, ..page }, "KRW-BTC&count=500&days_ago=7");
        check(TicksQuery { market: "KRW-A&b=c d/é", count: 1, ..page }, "KRW-A%26b%3Dc%20d%2F%C3%A9&count=1");
    }

    #[test]
    fn rest_is_where_the_stream_is() {
        let check = |url, expect: Option<&str>| assert_eq!(rest_base(url).as_deref(), expect, "{url}");
        check("wss://api.upbit.com/websocket/v1", Some("https://api.upbit.com"));
        check("wss://sg-api.upbit.com/websocket/v1", Some("https://sg-api.upbit.com"));
        check("ws://127.0.0.1:9777/websocket/v1", Some("http://127.0.0.1:9777"));
        check("ws://[::1]:9777", Some("http://[::1]:9777"));
        check("https://api.upbit.com", None);
        check("wss:///x", None);
        check("", None);
    }
}
