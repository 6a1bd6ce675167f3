//! Why a job does not start, and why a new configuration is not taken.

use crate::{
    config::Refused, control::BindError, feed::ConnectError, outbox::StoreError, plugin::LoadError,
    rest::UrlError, tape::TapeError,
};
use std::{fmt, io, net::SocketAddr};

/// Why the job does not start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration, or a plugin named in it.
    Refused(Refused),
    /// The tape.
    Tape(TapeError),
    /// The checkpoints and the outbox.
    Store(StoreError),
    /// The plugin engine.
    Engine(LoadError),
    /// The venue's address.
    Venue(ConnectError),
    /// The address of the venue's REST interface.
    Rest(UrlError),
    /// The status port.
    Listen(SocketAddr, io::Error),
    /// The control socket that the file names.
    Control(BindError),
    /// What was remembered does not fit what is configured.
    State(String),
    /// A thread.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => f.write_str(&refused.render(false)),
            Self::Tape(error) => write!(f, "the tape does not open: {error}"),
            Self::Store(error) => write!(f, "the state does not open: {error}"),
            Self::Engine(error) => write!(f, "{error}"),
            Self::Venue(error) => write!(f, "feed.url: {error}"),
            Self::Rest(error) => write!(f, "feed.rest: {error}"),
            Self::Listen(at, error) => write!(f, "status.listen: cannot listen on {at}: {error}"),
            Self::Control(error) => write!(f, "control.socket: {error}"),
            Self::State(why) => f.write_str(why),
            Self::Thread(error) => write!(f, "no thread for a pipeline: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// Why a new configuration was not taken; the old one runs on.
#[derive(Debug)]
pub enum ReloadError {
    /// It, or a plugin named in it, has faults.
    Refused(Refused),
    /// These sections take effect at a start only.
    NeedsRestart(Vec<&'static str>),
    /// A pipeline did not come to a stop in time.
    Busy(String),
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => f.write_str(&refused.render(false)),
            Self::NeedsRestart(sections) => {
                write!(
                    f,
                    "changes of {} take effect at a restart only; nothing of the new file was taken",
                    sections.join(", ")
                )
            }
            Self::Busy(name) => write!(f, "pipeline `{name}` lags too far behind to be changed now"),
        }
    }
}

impl std::error::Error for ReloadError {}
