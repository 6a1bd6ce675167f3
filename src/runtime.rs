//! The runtime: wires the rooms, starts them against the flow, and waits for the river to run dry.
//!
//! Owns every task and thread of the job, the plan that a configuration becomes, the reload, and
//! the order of starting (sinks, outbox, pipelines, tape, feed) and of stopping (the reverse). It
//! decides nothing about trades.
//!
//! One task owns the socket and appends to the tape; each pipeline has an OS thread of its own, at
//! low priority, and reads the tape at its own pace; one task delivers. Nothing upstream waits for
//! anything downstream.
//!
//! Keeps: [one-way] [fails-alone] [named-means-required] [time-enters-once]

mod ask;
mod ban;
mod bundled;
mod clockwork;
mod fetch;
mod health;
mod heartbeat;
mod history;
mod intake;
mod listed;
mod live;
mod output;
mod plan;
mod policies;
mod rehearsal;
mod replay;
mod sessions;
mod spine;
#[cfg(test)]
mod tests;
mod warnings;
mod worker;

pub use ask::{AskError, Inspector};
pub use ban::{BanBook, Noting};
pub use bundled::{BUNDLED, SCHEMAS};
pub use clockwork::run as tick;
pub use fetch::run as fetch;
pub use history::{
    Completed, History, HistoryError, Note, Reached, WalkError, Wanted, is_begun, venue_now_ms,
};
pub use intake::Intake;
pub use listed::listed;
pub use live::{Options, ReloadError, Runtime, StartError, Stopped, test_channel};
pub use output::{Noted, Output};
pub use plan::{Group, Plan, limits, refuse};
pub use rehearsal::{Rehearsal, routed};
pub use replay::{Replay, ReplayError, Source, Summary};
pub use spine::{Spine, Wall};
