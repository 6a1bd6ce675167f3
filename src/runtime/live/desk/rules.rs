//! Rules and plugins from the desk: what only their pipelines know.

use super::Desk;
use crate::{
    alert::Matcher,
    control::{Answer, Refusal},
    pipeline::InspectError,
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
        let name = plugin.clone();
        let answers = self.directory.ask(move |pipeline, _| pipeline.inspect(&name, &query)).await;
        let mut why = InspectError::Unknown;
        for answer in answers.map_err(|name| busy_with(&name))? {
            match answer {
                Ok(text) => return Ok(vec![serde_json::from_str(&text).unwrap_or(Value::String(text))]),
                Err(InspectError::Unknown) => {}
                Err(error) => why = error,
            }
        }
        Err(Refusal::NoSuch(format!("plugin `{plugin}`: {why}")))
    }
}

/// A pipeline that does not answer.
pub(super) fn busy_with(name: &str) -> Refusal {
    Refusal::Unavailable(format!(
        "pipeline `{name}` does not answer; it may be busy with a batch, or at its end"
    ))
}
