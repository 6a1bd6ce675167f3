//! Rules and plugins from the desk: what only their pipelines know.
//!
//! Every pipeline has a policy of its own, for the alerts of its plugins; all of them obey the same
//! silences. What is silenced, noticed or reset is put on the tape after it was looked for here, so
//! that a slip in a name is answered and not written.

use super::Desk;
use crate::{
    alert::Matcher,
    control::{Answer, Refusal, item},
    entry::Control,
    feed::{SystemClock, WallClock},
    policy::{Firing, Policy},
    runtime::ask::AskError,
};
use serde_json::{Value, json};

impl Desk {
    /// Asks the policy of every pipeline.
    async fn policies<T: Send + 'static>(
        &self,
        question: impl Fn(&Policy) -> T + Send + Sync + 'static,
    ) -> Result<Vec<T>, Refusal> {
        let answers = self.inspector.policies(question).await;
        answers.map_err(|(name, why)| Refusal::Unavailable(format!("pipeline `{name}`: {why}")))
    }

    pub(super) async fn firing(&self, alerts: Matcher) -> Answer {
        Ok(self.fires(alerts, String::new()).await?.into_iter().map(item).collect())
    }

    /// What fires and is meant, in the order of beginning.
    async fn fires(&self, alerts: Matcher, episode: String) -> Result<Vec<Firing>, Refusal> {
        let found = self.policies(move |policy| {
            let mut firing = policy.firing_of(&alerts);
            firing.retain(|firing| firing.episode_id.starts_with(&episode));
            firing
        });
        let mut all: Vec<Firing> = found.await?.into_iter().flatten().collect();
        all.sort_by_key(|firing| firing.since_ms);
        Ok(all)
    }

    pub(super) async fn silences(&self) -> Answer {
        let found =
            self.policies(|policy| policy.silences().into_iter().cloned().collect::<Vec<_>>()).await?;
        let mut all: Vec<_> = found.into_iter().flatten().collect();
        all.sort_by(|a, b| (a.until_ms, &a.id).cmp(&(b.until_ms, &b.id)));
        all.dedup();
        Ok(all.into_iter().map(item).collect())
    }

    pub(super) async fn unsilence(&self, id: String) -> Answer {
        let known = self.silences().await?;
        if !known.iter().any(|silence| silence["id"] == id.as_str()) {
            return Err(Refusal::NoSuch(format!(
                "no silence has the id {id:?}; see `tradehook alert silences`"
            )));
        }
        self.put(Control::Unsilence { at_ms: SystemClock.now_ms(), id })?;
        Ok(Vec::new())
    }

    pub(super) async fn ack(&self, alerts: Matcher, episode: String) -> Answer {
        let meant = self.fires(alerts.clone(), episode.clone()).await?;
        if meant.is_empty() {
            let why = "nothing that is meant fires; see `tradehook alert list`";
            return Err(Refusal::NoSuch(why.to_owned()));
        }
        self.put(Control::Ack { at_ms: SystemClock.now_ms(), alerts, episode })?;
        Ok(meant.into_iter().map(item).collect())
    }

    /// How the policy stands to a rule and a market, and what the plugin says of its signals.
    pub(super) async fn explain(&self, rule: String, market: String) -> Answer {
        let (id, key) = (rule.clone(), market.clone());
        let found = self.policies(move |policy| policy.explain(&id, &key)).await?;
        let mut known: Vec<_> = found.into_iter().flatten().collect();
        // Of policies that know nothing of it one says so.
        if known.iter().any(|e| e.is_known) {
            known.retain(|e| e.is_known);
        } else {
            known.truncate(1);
        }
        if known.is_empty() {
            return Err(Refusal::NoSuch(format!("there is no rule `{rule}`")));
        }
        let query = json!({ "rule": rule, "market": market }).to_string();
        let mut answers = Vec::new();
        for explanation in known {
            let plugin = explanation.plugin.clone();
            let says = self.inspect(plugin.clone(), query.clone()).await;
            let says = says.map_or_else(|why| json!({ "unsaid": why.to_string() }), |all| json!(all));
            answers.push(json!({ "policy": explanation, "plugin": plugin, "says": says }));
        }
        Ok(answers)
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
