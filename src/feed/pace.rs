//! Connects of several sessions, one after the other.

use super::{ConnectError, Connector};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::http::Uri;

/// Between two connects from this process: the venue allows five a second from one address.
const SPACING: Duration = Duration::from_millis(300);

/// A connector whose clones share one pace, however many sessions there are.
#[derive(Clone, Debug)]
pub struct Paced<C> {
    connector: C,
    last: Arc<Mutex<Option<Instant>>>,
}

impl<C> Paced<C> {
    /// The same connector, at most every 300 ms.
    #[must_use]
    pub fn new(connector: C) -> Self {
        Self { connector, last: Arc::default() }
    }
}

impl<C: Connector> Connector for Paced<C> {
    type Stream = C::Stream;

    async fn open(&mut self) -> Result<Self::Stream, ConnectError> {
        {
            let mut last = self.last.lock().await;
            if let Some(last) = *last {
                sleep_until(last + SPACING).await;
            }
            *last = Some(Instant::now());
        }
        self.connector.open().await
    }

    fn uri(&self) -> &Uri {
        self.connector.uri()
    }
}
