//! Rules and plugins from the desk: what only their pipelines know.

use super::Desk;
use crate::{
    alert::Matcher,
    control::{Answer, Refusal},
};

impl Desk {
    pub(super) async fn firing(&self, _alerts: Matcher) -> Answer {
        Err(Refusal::Unavailable("x".into()))
    }
    pub(super) async fn silences(&self) -> Answer {
        Err(Refusal::Unavailable("x".into()))
    }
    pub(super) async fn unsilence(&self, _id: String) -> Answer {
        Err(Refusal::Unavailable("x".into()))
    }
    pub(super) async fn ack(&self, _alerts: Matcher, _episode: String) -> Answer {
        Err(Refusal::Unavailable("x".into()))
    }
    pub(super) async fn explain(&self, _rule: String, _market: String) -> Answer {
        Err(Refusal::Unavailable("x".into()))
    }
    pub(super) async fn inspect(&self, _plugin: String, _query: String) -> Answer {
        Err(Refusal::Unavailable("x".into()))
    }
}

/// A pipeline that does not answer.
pub(super) fn busy_with(name: &str) -> Refusal {
    Refusal::Unavailable(format!("pipeline `{name}` does not answer; it may be busy with a batch, or at its end"))
}
