//! Questions to a pipeline, which only its own thread can answer.
//!
//! A question is asked between two batches, by a function that is handed what the thread works
//! with; its answer comes back over a channel of its own. Nobody upstream waits for it, and a
//! pipeline that has ended drops its questions, so that whoever asked learns that too.
//!
//! Keeps: [fails-alone] [bounded]

use super::output::Output;
use crate::pipeline::Pipeline;
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::oneshot;

/// Questions that may wait in one pipeline. [bounded]
const MOST: usize = 32;
/// How long an answer is waited for: a pipeline may be in the midst of a batch.
const PATIENCE: Duration = Duration::from_secs(10);

type Question = Box<dyn FnOnce(&mut Pipeline, &mut Output) + Send>;

/// The questions that wait for one pipeline; none where it has ended.
pub(super) struct Questions(Mutex<Option<Vec<Question>>>);

impl Default for Questions {
    fn default() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }
}

impl fmt::Debug for Questions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Questions")
    }
}

impl Questions {
    fn put(&self, question: Question) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.as_mut().filter(|waiting| waiting.len() < MOST) {
            Some(waiting) => waiting.push(question),
            None => return false,
        }
        true
    }

    /// Answers what waits.
    pub(super) fn answer(&self, pipeline: &mut Pipeline, output: &mut Output) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out under the lock, answered without it.
        let taken = waiting.as_mut().map(std::mem::take).unwrap_or_default();
        drop(waiting);
        taken.into_iter().for_each(|question| question(pipeline, output));
    }

    /// No more are taken.
    pub(super) fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The running pipelines, for whoever has a question.
#[derive(Debug, Default)]
pub(super) struct Directory(Mutex<Vec<(String, Arc<Questions>)>>);

impl Directory {
    /// These run now.
    pub(super) fn set(&self, running: Vec<(String, Arc<Questions>)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = running;
    }

    /// The answers of all pipelines.
    ///
    /// # Errors
    /// The name of one that does not answer.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl Fn(&mut Pipeline, &mut Output) -> T + Send + Sync + 'static,
    ) -> Result<Vec<T>, String> {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let question = Arc::new(question);
        let mut asked = Vec::new();
        for (name, questions) in running {
            let (say, hear) = oneshot::channel();
            let question = Arc::clone(&question);
            let put = questions.put(Box::new(move |pipeline, output| {
                let _nobody_waits_any_more = say.send(question(pipeline, output));
            }));
            if !put {
                return Err(name);
            }
            asked.push((name, hear));
        }
        let mut answers = Vec::new();
        for (name, hear) in asked {
            match tokio::time::timeout(PATIENCE, hear).await {
                Ok(Ok(answer)) => answers.push(answer),
                _ => return Err(name),
            }
        }
        Ok(answers)
    }
}
