//! Rules and plugins from the desk: what only their pipelines know.

use super::Desk;
use crate::{
    alert::Matcher,
    control::{Answer, Refusal},
    runtime::ask::AskError,
};
use serde_json::Value;

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
    /// Of the plugin of this name, wherever it runs.
    pub(super) async fn inspect(&self, plugin: String, query: String) -> Answer {
        match self.inspector.inspect(&plugin, &query).await {
            Ok(text) => Ok(vec![serde_json::from_str(&text).unwrap_or(Value::String(text))]),
            Err(AskError::Plugin(why)) => Err(Refusal::NoSuch(format!("plugin `{plugin}`: {why}"))),
            Err(why) => Err(Refusal::Unavailable(format!("plugin `{plugin}`: {why}"))),
        }
    }
}
