//! The firehose: a given number of trade frames, as fast as the socket takes them.
//!
//! For measuring a client at full speed. Frames are encoded once and then only stamped (times and
//! id, in place), so that the venue's share of the work is small while every trade stays distinct
//! and time goes on: one trade a millisecond, the last of them at about the time of asking.
//!
//! Keeps: [bounded]

use super::{
    hub::Hub,
    request::Subscription,
    socket,
    synth::Query,
    wire::{self, KEYS},
};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// Chunks that wait for the socket.
pub(super) const QUEUE: usize = 8;
/// Frames in a chunk; with 470 bytes each, about what a socket buffer takes.
const CHUNK: u64 = 128;
/// Frames encoded for one market.
const PER_MARKET: usize = 256;

/// One encoded frame and where its stamps stand.
struct Template {
    frame: Vec<u8>,
    /// Of `timestamp`, `trade_date`, `trade_time`, `trade_timestamp`, `sequential_id`.
    stamps: [usize; 5],
}

/// The frames of one firehose.
pub(super) struct Pool {
    templates: Vec<Template>,
    frames: u64,
    start_ms: i64,
}

impl Pool {
    /// Encodes what the subscribed markets have traded, in the subscription's format.
    pub(super) fn new(hub: &Hub, subscription: &Subscription, frames: u64) -> Self {
        let mut markets: Vec<Vec<Template>> = Vec::new();
        let trades = subscription.streams.iter().filter(|s| s.kind == "trade");
        for code in trades.flat_map(|s| &s.codes) {
            let mut templates = Vec::new();
            let recent = Query { from_id: 0, before_id: u64::MAX, count: PER_MARKET };
            for trade in hub.page(code, recent).unwrap_or_default() {
                let mut text = String::new();
                wire::trade(&mut text, &trade, subscription.format.is_simple(), false);
                let text = if subscription.format.is_list() { format!("[{text}]") } else { text };
                templates.extend(Template::new(&text, subscription.format.is_simple()));
            }
            markets.push(templates);
        }
        let start_ms = hub.now_ms() - i64::try_from(frames).unwrap_or(0);
        Self { templates: interleave(markets), frames, start_ms }
    }

    /// Sends all frames, waiting for the socket. Ends early when the client is gone.
    pub(super) async fn pour(self, events: mpsc::Sender<Bytes>) {
        if self.templates.is_empty() {
            return;
        }
        let mut templates = self.templates.iter().cycle();
        let mut clock = (String::new(), String::new());
        let mut sent = 0;
        while sent < self.frames {
            let until = (sent + CHUNK).min(self.frames);
            let mut chunk = Vec::with_capacity(64 * 1024);
            for (n, template) in (sent..until).zip(&mut templates) {
                let at_ms = self.start_ms + i64::try_from(n).unwrap_or(0);
                if n == sent || at_ms % 1_000 == 0 {
                    clock = wire::utc(at_ms);
                }
                template.stamp(&mut chunk, at_ms, &clock);
            }
            if events.send(chunk.into()).await.is_err() {
                return;
            }
            sent = until;
        }
    }
}

impl Template {
    /// `None` when a stamp is missing, which a trade's spelling excludes.
    fn new(text: &str, simple: bool) -> Option<Self> {
        let mut frame = Vec::new();
        socket::put_frame(&mut frame, OpCode::Data(Data::Binary), text.as_bytes());
        let header = frame.len() - text.len();
        let at = |index: usize, quote: usize| {
            let (long, short) = KEYS.get(index)?;
            let key = format!("\"{}\":", if simple { short } else { long });
            Some(header + text.find(&key)? + key.len() + quote)
        };
        let stamps = [at(2, 0)?, at(3, 1)?, at(4, 1)?, at(5, 0)?, at(12, 0)?];
        Some(Self { frame, stamps })
    }

    /// Appends the frame with its times and id set to `at_ms`.
    fn stamp(&self, out: &mut Vec<u8>, at_ms: i64, (date, time): &(String, String)) {
        let start = out.len();
        out.extend_from_slice(&self.frame);
        let (frame_ms, traded_ms) = (format!("{:013}", at_ms + 40), format!("{at_ms:013}"));
        let id = format!("{traded_ms}0000");
        for (at, value) in self.stamps.into_iter().zip([&frame_ms, date, time, &traded_ms, &id]) {
            let at = start + at;
            if let Some(place) = out.get_mut(at..at + value.len()) {
                place.copy_from_slice(value.as_bytes());
            }
        }
    }
}

/// One of each market in turn, so that consecutive frames differ in market.
fn interleave(markets: Vec<Vec<Template>>) -> Vec<Template> {
    let mut queues: Vec<_> = markets.into_iter().map(Vec::into_iter).collect();
    let mut mixed = Vec::new();
    loop {
        let before = mixed.len();
        mixed.extend(queues.iter_mut().filter_map(Iterator::next));
        if mixed.len() == before {
            return mixed;
        }
    }
}
