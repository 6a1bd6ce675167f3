//! `[feed]` and what is below it.

use super::{
    Key, Section,
    types::{BOOKS, MARKETS, Type, URL, WEBSOCKET},
};

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;
const DAY: u64 = 24 * HOUR;

pub(super) const SECTIONS: &[&Section] = &[&FEED, &BACKFILL, &STREAMS];

const FEED: Section = Section::new(
    "feed",
    "The stream: Upbit's public WebSocket, which needs no account.",
    &[
        Key::new(
            "url",
            WEBSOCKET,
            "\"ws://127.0.0.1:9001\"",
            "Where the stream is. ws:// is accepted for this machine only.",
        )
        .or("\"wss://api.upbit.com/websocket/v1\""),
        Key::new(
            "rest",
            URL,
            "\"http://127.0.0.1:9001\"",
            "Where REST is: the list of markets, and trades that were missed.",
        )
        .without("the host of url, over https"),
        Key::new(
            "markets",
            MARKETS,
            "[\"KRW-*\"]",
            "What is subscribed to: codes, quote first, and patterns. Patterns are resolved against the venue's list, so that new listings join by themselves. With [feed.streams] it may be empty.",
        )
        .or("[\"KRW-BTC\", \"KRW-ETH\", \"KRW-XRP\", \"KRW-SOL\", \"KRW-DOGE\"]"),
        Key::new(
            "refresh_interval",
            Type::Duration(SECOND, 7 * DAY),
            "\"10m\"",
            "Between two looks at the venue's list of markets.",
        )
        .or("\"1h\""),
        Key::new(
            "sockets",
            Type::Integer(1, 16),
            "4",
            "Over how many sockets the markets are spread. One carries all of them.",
        )
        .or("1"),
        Key::new(
            "redundancy",
            Type::Integer(1, 2),
            "2",
            "How many sockets carry the same markets: with 2, one of them dying costs nothing.",
        )
        .or("1"),
        Key::new(
            "stale_after",
            Type::Duration(5 * SECOND, DAY),
            "\"2m\"",
            "After so much silence that its rhythm does not explain, a session is asked whether it still delivers; without an answer it is replaced.",
        )
        .or("\"60s\""),
        Key::new(
            "format",
            Type::Word(&["DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST"]),
            "\"SIMPLE\"",
            "Spelling of the frames. SIMPLE saves about half the bytes; DEFAULT is what people can read in a recording.",
        )
        .or("\"DEFAULT\""),
        Key::new(
            "ping_interval",
            Type::Duration(SECOND, HOUR),
            "\"10s\"",
            "Between two pings; shorter than pong_timeout. Upbit drops a connection after 60 s of silence.",
        )
        .or("\"20s\""),
        Key::new(
            "pong_timeout",
            Type::Duration(SECOND, 2 * HOUR),
            "\"90s\"",
            "Without a pong for this long the connection is replaced, even when data still arrives.",
        )
        .or("\"60s\""),
        Key::new(
            "connect_timeout",
            Type::Duration(100, 600 * SECOND),
            "\"5s\"",
            "For name lookup, TCP, TLS and handshake together.",
        )
        .or("\"10s\""),
        Key::new(
            "backoff_min",
            Type::Duration(100, HOUR),
            "\"1s\"",
            "First wait when an attempt to connect failed; waits grow up to backoff_max, with jitter, for ever.",
        )
        .or("\"500ms\""),
        Key::new("backoff_max", Type::Duration(SECOND, HOUR), "\"1m\"", "Longest wait between two attempts to connect.")
            .or("\"30s\""),
        Key::new(
            "max_message",
            Type::Size(16 << 10, 64 << 20),
            "\"4MiB\"",
            "Largest frame that is accepted. A trade is under 1 KiB.",
        )
        .or("\"1MiB\""),
        Key::new("backfill", Type::Table("feed.backfill"), "", "").without(""),
        Key::new("streams", Type::Table("feed.streams"), "", "").without(""),
    ],
);

const BACKFILL: Section = Section::new(
    "feed.backfill",
    "Trades that were missed while there was no session are fetched over REST and put in their place; meanwhile the live ones of their market wait. What cannot be had is a gap.",
    &[
        Key::new("enabled", Type::Bool, "false", "Whether missed trades are fetched.").or("true"),
        Key::new(
            "rate",
            Type::Integer(1, 10),
            "4",
            "Requests a second. The venue allows 10 from one address, for everything that asks from it.",
        )
        .or("8"),
        Key::new(
            "deadline",
            Type::Duration(SECOND, DAY),
            "\"10m\"",
            "How long the live trades of a market may wait for its repair.",
        )
        .or("\"5m\""),
        Key::new(
            "pages",
            Type::Integer(1, 100_000),
            "500",
            "Most pages of 500 trades for one gap of one market.",
        )
        .or("2_000"),
        Key::new(
            "hold",
            Type::Integer(1_000, 10_000_000),
            "500_000",
            "Most trades that wait, of all markets together; 100,000 are some 16 MiB.",
        )
        .or("100_000"),
        Key::new(
            "when_full",
            Type::Word(&["release", "refetch"]),
            "\"refetch\"",
            "And beyond: the largest repair ends, and what it lacks is a gap (release); or the newest live trades are left out and fetched later, so that nothing is lost but it takes longer (refetch).",
        )
        .or("\"release\""),
    ],
);

const STREAMS: Section = Section::new(
    "feed.streams",
    "What is subscribed to beside trades, for plugins that handle it. Keys are the venue's names of its streams, those with a point in quotes.",
    &[
        stream("ticker", MARKETS, "Tickers."),
        stream("orderbook", BOOKS, "Order books, with 1, 5, 15 or 30 levels behind a point; 30 without one."),
        stream("candle.1s", MARKETS, "Candles of one second."),
        stream("candle.1m", MARKETS, "Candles of one minute."),
        stream("candle.3m", MARKETS, "Candles of 3 minutes."),
        stream("candle.5m", MARKETS, "Candles of 5 minutes."),
        stream("candle.10m", MARKETS, "Candles of 10 minutes."),
        stream("candle.15m", MARKETS, "Candles of 15 minutes."),
        stream("candle.30m", MARKETS, "Candles of 30 minutes."),
        stream("candle.60m", MARKETS, "Candles of one hour."),
        stream("candle.240m", MARKETS, "Candles of four hours."),
    ],
);

const fn stream(name: &'static str, kind: Type, meaning: &'static str) -> Key {
    Key::new(name, kind, "[\"KRW-BTC\"]", meaning).without("not subscribed to")
}
