//! From the file's words to those of the rooms: what each is configured with.

use crate::{
    config::Config,
    entry::GapCause,
    feed::FeedConfig,
    rest::{Rest, RestConfig, UrlError, VenueDoor},
    runtime::{sessions::Wanted, worker::Kept},
    splice::{SpliceConfig, WhenFull},
    tape::TapeConfig,
    upbit::{self, Format, Subscription},
};
use std::sync::{Arc, atomic::AtomicBool};

/// A segment is closed at this size, or at a quarter of what is retained.
const SEGMENT_BYTES: u64 = 64 << 20;

pub(super) fn tape_config(config: &Config) -> TapeConfig {
    let from = &config.tape;
    TapeConfig {
        dir: from.dir.clone(),
        retain_age: from.retain_age,
        retain_bytes: from.retain_size,
        segment_bytes: SEGMENT_BYTES.min(from.retain_size / 4).max(1 << 16),
        sync_every: from.sync_interval,
        memory_bytes: from.memory,
    }
}

fn feed_config(config: &Config) -> FeedConfig {
    let from = &config.feed;
    FeedConfig {
        ping_interval: from.ping_interval,
        pong_timeout: from.pong_timeout,
        connect_timeout: from.connect_timeout,
        backoff_min: from.backoff_min,
        backoff_max: from.backoff_max,
        max_message: usize::try_from(from.max_message).unwrap_or(usize::MAX),
        ..FeedConfig::default()
    }
}

pub(super) fn wanted(config: &Config, cause: GapCause, heeds_warnings: &Arc<AtomicBool>) -> Wanted {
    let from = &config.feed;
    Wanted {
        markets: from.markets.clone(),
        streams: from.streams.clone(),
        sockets: from.sockets,
        redundancy: from.redundancy,
        refresh_every: from.refresh_interval,
        subscription: subscription(config),
        feed: feed_config(config),
        heeds_warnings: Arc::clone(heeds_warnings),
        cause,
    }
}

fn subscription(config: &Config) -> Subscription {
    use crate::config::FrameFormat;
    Subscription {
        ticket: format!("tradehook-{}-{:08x}", std::process::id(), fastrand::u32(..)),
        format: match config.feed.format {
            FrameFormat::Default => Format::Default,
            FrameFormat::Simple => Format::Simple,
            FrameFormat::JsonList => Format::JsonList,
            FrameFormat::SimpleList => Format::SimpleList,
        },
        ..Subscription::default()
    }
}

pub(super) fn splice_config(config: &Config) -> SpliceConfig {
    let from = &config.feed.backfill;
    SpliceConfig {
        backfill: from.enabled,
        deadline: from.deadline,
        pages: from.pages,
        hold: from.hold,
        when_full: match from.when_full {
            crate::config::WhenFull::Release => WhenFull::Release,
            crate::config::WhenFull::Refetch => WhenFull::Refetch,
        },
        stale_after: config.feed.stale_after,
    }
}

/// The venue's REST, as a configuration says it.
pub(crate) fn rest(config: &Config) -> Result<Rest, UrlError> {
    let base = config.feed.rest.clone().or_else(|| upbit::rest_base(&config.feed.url));
    let door = VenueDoor::new(&base.unwrap_or_default())?;
    let per_second = config.feed.backfill.rate;
    Ok(Rest::new(&RestConfig { per_second, ..RestConfig::default() }, door))
}

pub(super) fn kept(config: &Config) -> Kept {
    match (&config.state.dir, &config.tape.dir) {
        (None, _) => Kept::Nothing,
        (Some(_), None) => Kept::State,
        (Some(_), Some(_)) => Kept::StateAndTape,
    }
}
