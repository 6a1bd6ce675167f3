//! A network in memory for the real connector: names and addresses behave as the test says, and
//! what is connected comes out of a channel.

use super::*;
use crate::feed::dial::Net;
use rustls::RootCertStore;
use std::{collections::HashMap, future::pending, io, net::SocketAddr};

/// What becomes of a lookup.
#[derive(Clone)]
pub(super) enum Name {
    Found(Vec<SocketAddr>),
    Fails,
    Hangs,
}

/// What becomes of a connect to an address. One that nothing is said of accepts.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Refused,
    Hangs,
}

#[derive(Default)]
struct State {
    names: Vec<Name>,
    ways: HashMap<SocketAddr, Way>,
    lookups: usize,
    tried: Vec<SocketAddr>,
}

#[derive(Clone)]
pub(super) struct TestNet {
    state: Arc<Mutex<State>>,
    out: UnboundedSender<DuplexStream>,
}

impl TestNet {
    /// Each lookup takes the next of `names`; the last holds on.
    pub(super) fn new(
        names: Vec<Name>,
        ways: &[(SocketAddr, Way)],
    ) -> (Self, UnboundedReceiver<DuplexStream>) {
        let (out, links) = unbounded_channel();
        let state = State { names, ways: ways.iter().copied().collect(), ..State::default() };
        (Self { state: Arc::new(Mutex::new(state)), out }, links)
    }

    /// A connector over it to `url` that trusts `roots`.
    pub(super) fn connector(&self, url: &str, roots: RootCertStore) -> WsConnector<Self> {
        WsConnector::over(self.clone(), url, roots).unwrap()
    }

    pub(super) fn lookups(&self) -> usize {
        self.state.lock().unwrap().lookups
    }

    /// The addresses that were tried, in order.
    pub(super) fn tried(&self) -> Vec<SocketAddr> {
        self.state.lock().unwrap().tried.clone()
    }
}

impl Net for TestNet {
    type Stream = DuplexStream;

    async fn lookup(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        let name = {
            let mut state = self.state.lock().unwrap();
            let at = state.lookups.min(state.names.len() - 1);
            state.lookups += 1;
            state.names[at].clone()
        };
        match name {
            Name::Found(addresses) => Ok(addresses),
            Name::Fails => Err(io::Error::other("no such name")),
            Name::Hangs => pending().await,
        }
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<DuplexStream> {
        let way = {
            let mut state = self.state.lock().unwrap();
            state.tried.push(address);
            state.ways.get(&address).copied()
        };
        match way {
            Some(Way::Refused) => Err(io::ErrorKind::ConnectionRefused.into()),
            Some(Way::Hangs) => pending().await,
            None => {
                let (ours, theirs) = tokio::io::duplex(1 << 16);
                self.out.send(theirs).map_err(|_| io::ErrorKind::ConnectionRefused)?;
                Ok(ours)
            }
        }
    }
}
