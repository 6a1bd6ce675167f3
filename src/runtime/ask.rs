//! Questions to the plugins of the running job: what one has in mind, for people.
//!
//! A plugin lives on its pipeline's thread, so the question goes there and is answered between two
//! batches. Whoever asks waits for a bounded time; the pipeline waits for nobody.
//!
//! Keeps: [fails-alone] [bounded]

use crate::pipeline::{InspectError, Pipeline};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};

/// Questions that may wait for one pipeline.
const WAITING: usize = 16;
/// Answered between two batches at most.
const AT_ONCE: usize = 4;
/// How long an answer may take: a pipeline looks after every batch, and four times a second when
/// there are none.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskError {
    /// The plugin's, or that there is none of this name.
    Plugin(InspectError),
    /// Too many questions wait.
    Busy,
    /// The pipeline did not get to it in time.
    Late,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plugin(error) => error.fmt(f),
            Self::Busy => f.write_str("too many questions wait for this plugin"),
            Self::Late => write!(f, "the plugin's pipeline did not get to it within {PATIENCE:?}"),
        }
    }
}

impl std::error::Error for AskError {}

struct Question {
    plugin: String,
    query: String,
    answer: oneshot::Sender<Result<String, InspectError>>,
}

/// Asks the plugins of the running job; clones ask the same, across reloads.
#[derive(Clone, Default)]
pub struct Inspector {
    desks: Arc<Mutex<BTreeMap<String, SyncSender<Question>>>>,
}

/// Where the questions to the plugins of one pipeline arrive.
pub(super) struct Desk {
    questions: Receiver<Question>,
}

impl Inspector {
    /// Asks `plugin`: JSON in, JSON out, as its documentation says.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn inspect(&self, plugin: &str, query: &str) -> Result<String, AskError> {
        let unknown = AskError::Plugin(InspectError::Unknown);
        let desk = self.lock().get(plugin).cloned().ok_or_else(|| unknown.clone())?;
        let (answer, answered) = oneshot::channel();
        let question = Question { plugin: plugin.to_owned(), query: query.to_owned(), answer };
        desk.try_send(question).map_err(|error| match error {
            TrySendError::Full(_) => AskError::Busy,
            TrySendError::Disconnected(_) => unknown.clone(),
        })?;
        match timeout(PATIENCE, answered).await {
            Err(_elapsed) => Err(AskError::Late),
            Ok(Err(_gone)) => Err(unknown),
            Ok(Ok(answer)) => answer.map_err(AskError::Plugin),
        }
    }

    /// The names of the plugins that can be asked, as far as they export it.
    #[must_use]
    pub fn plugins(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// From now on questions to these plugins arrive here.
    pub(super) fn open<'a>(&self, plugins: impl Iterator<Item = &'a str>) -> Desk {
        let (sender, questions) = sync_channel(WAITING);
        let mut desks = self.lock();
        desks.extend(plugins.map(|plugin| (plugin.to_owned(), sender.clone())));
        Desk { questions }
    }

    /// Forgets plugins that `keep` refuses.
    pub(super) fn retain(&self, keep: impl Fn(&str) -> bool) {
        self.lock().retain(|plugin, _| keep(plugin));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, SyncSender<Question>>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    /// Answers what waits, but not without end.
    pub(super) fn answer(&self, pipeline: &mut Pipeline) {
        for Question { plugin, query, answer } in self.questions.try_iter().take(AT_ONCE) {
            // Whoever asked and went away needs no answer.
            if !answer.is_closed() {
                let _gone = answer.send(pipeline.inspect(&plugin, &query));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Pipeline {
        Pipeline::start("none", Vec::new(), None).unwrap_or_else(|_| panic!("it has no plugins"))
    }

    /// [bounded] [fails-alone]
    #[tokio::test(start_paused = true)]
    async fn who_asks_gets_an_answer_or_a_reason_in_time() {
        let inspector = Inspector::default();
        let unknown = Err(AskError::Plugin(InspectError::Unknown));
        assert_eq!(inspector.inspect("alert", "{}").await, unknown);
        let desk = inspector.open(["alert", "filter"].into_iter());
        assert_eq!(inspector.plugins(), ["alert", "filter"]);
        assert_eq!(inspector.inspect("alert", "{}").await, Err(AskError::Late), "nobody is at the desk");
        let asked = tokio::spawn({
            let inspector = inspector.clone();
            async move { inspector.inspect("filter", "{}").await }
        });
        tokio::task::yield_now().await;
        desk.answer(&mut nothing());
        assert_eq!(asked.await.ok(), Some(unknown.clone()), "the pipeline has no such plugin");
        let waiting: Vec<_> = (0..WAITING)
            .map(|_| {
                let inspector = inspector.clone();
                tokio::spawn(async move { inspector.inspect("alert", "{}").await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(inspector.inspect("alert", "{}").await, Err(AskError::Busy));
        drop(desk);
        for asked in waiting {
            assert_eq!(asked.await.ok(), Some(unknown.clone()));
        }
        assert_eq!(inspector.inspect("alert", "{}").await, unknown, "the pipeline is gone");
        inspector.retain(|plugin| plugin == "alert");
        assert_eq!(inspector.plugins(), ["alert"]);
    }
}
