//! `[feed]`: the stream, and how what was missed of it is fetched.

use std::ops::RangeInclusive;

use super::{
    names,
    sections::ms,
    settings::{Backfill, Feed, FrameFormat, WhenFull},
    streams, text, url,
    walk::{Item, Section},
};

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;
const DAY: u64 = 24 * HOUR;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

pub(super) fn read(mut s: Section<'_>) -> Feed {
    let d = Feed::default();
    let ping = s.get("ping_interval");
    let ping_interval = ping.as_ref().and_then(|i| i.duration(ms(SECOND, HOUR))).unwrap_or(d.ping_interval);
    let pong = s.get("pong_timeout");
    let pong_timeout = pong.as_ref().and_then(|i| i.duration(ms(SECOND, 2 * HOUR))).unwrap_or(d.pong_timeout);
    if let Some(item) = ping.or(pong).filter(|_| ping_interval >= pong_timeout) {
        let shown = text::show_duration;
        let message = format!(
            "ping_interval ({}) must be shorter than pong_timeout ({})",
            shown(ping_interval),
            shown(pong_timeout)
        );
        item.fault(message, "a connection would be given up before it could answer".to_owned());
    }
    let backoff_min = s.or("backoff_min", d.backoff_min, |i| i.duration(ms(100, HOUR)));
    let backoff = s.get("backoff_max");
    let backoff_max = backoff.as_ref().and_then(|i| i.duration(ms(SECOND, HOUR))).unwrap_or(d.backoff_max);
    if backoff_min > backoff_max {
        let message = "backoff_max must not be shorter than backoff_min";
        backoff.map_or_else(|| s.fault(message, None), |item| item.fault(message, None));
    }
    let streams = streams::read(&s.sub("streams"));
    let feed = Feed {
        url: s.or("url", d.url, |i| url::websocket(i)),
        rest: s.maybe("rest", |i| url::rest(i)),
        markets: s.or("markets", d.markets, |item| {
            if streams::alone(item, &streams) { Some(Vec::new()) } else { names::subscribed(item) }
        }),
        streams,
        refresh_interval: s.or("refresh_interval", d.refresh_interval, |i| i.duration(ms(SECOND, 7 * DAY))),
        sockets: s.or("sockets", d.sockets, |i| few(i, 16)),
        redundancy: s.or("redundancy", d.redundancy, |i| few(i, 2)),
        stale_after: s.or("stale_after", d.stale_after, |i| i.duration(ms(5 * SECOND, DAY))),
        backfill: backfill(s.sub("backfill")),
        format: s.or("format", d.format, |i| i.one_of(&formats())),
        ping_interval,
        pong_timeout,
        connect_timeout: s
            .or("connect_timeout", d.connect_timeout, |i| i.duration(ms(100, 10 * 60 * SECOND))),
        backoff_min,
        backoff_max,
        max_message: s.or("max_message", d.max_message, |i| i.size(16 * KIB..=64 * MIB)),
    };
    s.finish();
    feed
}

fn formats() -> [(&'static str, FrameFormat); 4] {
    [FrameFormat::Default, FrameFormat::Simple, FrameFormat::JsonList, FrameFormat::SimpleList]
        .map(|f| (f.as_str(), f))
}

fn backfill(mut s: Section<'_>) -> Backfill {
    let d = Backfill::default();
    let policies = [("release", WhenFull::Release), ("refetch", WhenFull::Refetch)];
    let backfill = Backfill {
        enabled: s.or("enabled", d.enabled, Item::boolean),
        rate: s.or("rate", d.rate, |i| number(i, 1..=10)),
        deadline: s.or("deadline", d.deadline, |i| i.duration(ms(SECOND, DAY))),
        pages: s.or("pages", d.pages, |i| number(i, 1..=100_000)),
        hold: s.or("hold", d.hold, |i| number(i, 1_000..=10_000_000)),
        when_full: s.or("when_full", d.when_full, |i| i.one_of(&policies)),
    };
    s.finish();
    backfill
}

fn few(item: &Item<'_>, most: u64) -> Option<u16> {
    number(item, 1..=most)
}

fn number<T: TryFrom<u64>>(item: &Item<'_>, range: RangeInclusive<u64>) -> Option<T> {
    item.integer(range).and_then(|number| T::try_from(number).ok())
}
