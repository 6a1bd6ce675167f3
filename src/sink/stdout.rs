//! Lines on standard output.
//!
//! The write happens off the runtime's threads: a reader that has stopped reading blocks this
//! channel and nothing else. [fails-alone]

use super::line::{Format, lines};
use crate::delivery::{Delivery, Outcome, Sink};
use futures_util::future::BoxFuture;
use std::{
    io::{self, ErrorKind, Write},
    sync::{Arc, Mutex, PoisonError},
};

/// Where the lines go.
type Out = Arc<Mutex<dyn Write + Send>>;

/// Standard output, or what stands in for it.
#[derive(Clone)]
pub struct StdoutSink {
    format: Format,
    out: Out,
}

impl StdoutSink {
    /// The process's standard output.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format, out: Arc::new(Mutex::new(io::stdout())) }
    }

    /// Any other writer: a live view, a test.
    #[must_use]
    pub fn to(format: Format, out: Arc<Mutex<dyn Write + Send>>) -> Self {
        Self { format, out }
    }
}

impl Sink for StdoutSink {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Outcome> {
        let (out, text) = (Arc::clone(&self.out), lines(delivery, self.format));
        Box::pin(async move {
            let written = tokio::task::spawn_blocking(move || {
                let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
                out.write_all(text.as_bytes()).and_then(|()| out.flush())
            });
            match written.await {
                Ok(Ok(())) => Outcome::Delivered,
                // Whoever read is gone, and comes back only with a new process.
                Ok(Err(error)) if error.kind() == ErrorKind::BrokenPipe => {
                    Outcome::Broken { reason: "standard output is closed".to_owned() }
                }
                Ok(Err(error)) => Outcome::Retry { after: None, reason: format!("standard output: {error}") },
                Err(_) => Outcome::Retry { after: None, reason: "writing was cut off".to_owned() },
            }
        })
    }
}
