//! Questions to the pipelines of the running job: what a plugin has in mind, and how the policy
//! stands, for people.
//!
//! Both live on the pipeline's thread, so the question goes there and is answered between two
//! batches. Whoever asks waits for a bounded time; the pipeline waits for nobody.
//!
//! Keeps: [fails-alone] [bounded]

use crate::{
    pipeline::{InspectError, Pipeline},
    policy::Policy,
};
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

type Question = Box<dyn FnOnce(&mut Pipeline, &Policy) + Send>;

/// Asks the pipelines of the running job; clones ask the same, across reloads.
#[derive(Clone, Default)]
pub struct Inspector {
    /// By plugin.
    desks: Arc<Mutex<BTreeMap<String, Counter>>>,
}

/// Where the questions to a pipeline are handed in.
#[derive(Clone)]
struct Counter {
    pipeline: String,
    questions: SyncSender<Question>,
}

/// Where the questions to one pipeline arrive.
pub(super) struct Desk {
    questions: Receiver<Question>,
}

impl Inspector {
    /// Asks `plugin`: JSON in, JSON out, as its documentation says.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn inspect(&self, plugin: &str, query: &str) -> Result<String, AskError> {
        let unknown = || AskError::Plugin(InspectError::Unknown);
        let counter = self.lock().get(plugin).cloned().ok_or_else(unknown)?;
        let (name, query) = (plugin.to_owned(), query.to_owned());
        let answered = counter.put(move |pipeline, _| pipeline.inspect(&name, &query))?;
        answered.wait().await?.map_err(AskError::Plugin)
    }

    /// Asks the policy of every pipeline, all at once.
    ///
    /// # Errors
    /// Of one that does not answer: its name, and why.
    pub async fn policies<T: Send + 'static>(
        &self,
        question: impl Fn(&Policy) -> T + Send + Sync + 'static,
    ) -> Result<Vec<T>, (String, AskError)> {
        let mut counters: Vec<Counter> = self.lock().values().cloned().collect();
        counters.sort_by(|a, b| a.pipeline.cmp(&b.pipeline));
        counters.dedup_by(|a, b| a.pipeline == b.pipeline);
        let question = Arc::new(question);
        let mut asked = Vec::new();
        for counter in counters {
            let question = Arc::clone(&question);
            let put = counter.put(move |_, policy| question(policy));
            asked.push((counter.pipeline, put));
        }
        let mut answers = Vec::new();
        for (pipeline, put) in asked {
            let answer = match put {
                Ok(answered) => answered.wait().await,
                Err(error) => Err(error),
            };
            answers.push(answer.map_err(|error| (pipeline, error))?);
        }
        Ok(answers)
    }

    /// The names of the plugins that can be asked, as far as they export it.
    #[must_use]
    pub fn plugins(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// From now on questions to this pipeline and its plugins arrive here.
    pub(super) fn open<'a>(&self, pipeline: &str, plugins: impl Iterator<Item = &'a str>) -> Desk {
        let (sender, questions) = sync_channel(WAITING);
        let counter = Counter { pipeline: pipeline.to_owned(), questions: sender };
        self.lock().extend(plugins.map(|plugin| (plugin.to_owned(), counter.clone())));
        Desk { questions }
    }

    /// Forgets plugins that `keep` refuses.
    pub(super) fn retain(&self, keep: impl Fn(&str) -> bool) {
        self.lock().retain(|plugin, _| keep(plugin));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Counter>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer under way.
struct Answered<T>(oneshot::Receiver<T>);

impl<T> Answered<T> {
    async fn wait(self) -> Result<T, AskError> {
        match timeout(PATIENCE, self.0).await {
            Err(_elapsed) => Err(AskError::Late),
            Ok(Err(_gone)) => Err(AskError::Plugin(InspectError::Unknown)),
            Ok(Ok(answer)) => Ok(answer),
        }
    }
}

impl Counter {
    fn put<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Pipeline, &Policy) -> T + Send + 'static,
    ) -> Result<Answered<T>, AskError> {
        let (answer, answered) = oneshot::channel();
        let ask = move |pipeline: &mut Pipeline, policy: &Policy| {
            // Whoever asked and went away needs no answer.
            if !answer.is_closed() {
                let _gone = answer.send(question(pipeline, policy));
            }
        };
        match self.questions.try_send(Box::new(ask)) {
            Ok(()) => Ok(Answered(answered)),
            Err(TrySendError::Full(_)) => Err(AskError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(AskError::Plugin(InspectError::Unknown)),
        }
    }
}

impl Desk {
    /// Answers what waits, but not without end.
    pub(super) fn answer(&self, pipeline: &mut Pipeline, policy: &Policy) {
        self.questions.try_iter().take(AT_ONCE).for_each(|question| question(pipeline, policy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_rules() -> Policy {
        Policy::new(Vec::new(), crate::policy::Defaults::default())
            .unwrap_or_else(|_| panic!("it has no rules"))
    }

    fn nothing() -> Pipeline {
        Pipeline::start("none", Vec::new(), None).unwrap_or_else(|_| panic!("it has no plugins"))
    }

    /// [bounded] [fails-alone]
    #[tokio::test(start_paused = true)]
    async fn who_asks_gets_an_answer_or_a_reason_in_time() {
        let inspector = Inspector::default();
        let unknown = Err(AskError::Plugin(InspectError::Unknown));
        assert_eq!(inspector.inspect("alert", "{}").await, unknown);
        let desk = inspector.open("alert", ["alert", "filter"].into_iter());
        assert_eq!(inspector.plugins(), ["alert", "filter"]);
        assert_eq!(inspector.inspect("alert", "{}").await, Err(AskError::Late), "nobody is at the desk");
        let asked = tokio::spawn({
            let inspector = inspector.clone();
            async move { inspector.inspect("filter", "{}").await }
        });
        tokio::task::yield_now().await;
        desk.answer(&mut nothing(), &no_rules());
        assert_eq!(asked.await.ok(), Some(unknown.clone()), "the pipeline has no such plugin");
        let asked = tokio::spawn({
            let inspector = inspector.clone();
            async move { inspector.policies(|_| "asked").await }
        });
        tokio::task::yield_now().await;
        desk.answer(&mut nothing(), &no_rules());
        assert_eq!(asked.await.ok(), Some(Ok(vec!["asked"])), "two plugins, and one pipeline");
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
