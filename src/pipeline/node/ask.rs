//! Asking a plugin what it has in mind: for people, beside the tape.
//!
//! Nothing of it is part of what a pipeline does: it is no entry, and whatever comes of it goes to
//! whoever asked. A plugin that fails at it comes back as after any fault, and is not punished.
//!
//! Keeps: [fails-alone] [dead-stays-dead] [bounded]

use super::{Node, teach};
use crate::plugin::Fault;
use std::{fmt, sync::Arc};

/// The longest query, in bytes; the answer has the limit of any answer.
const MAX_QUERY: usize = 64 << 10;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InspectError {
    /// There is no plugin of this name.
    Unknown,
    /// It does not export `inspect`.
    NotOffered,
    /// The query is too long.
    TooLong,
    /// Its own reason.
    Refused(String),
    /// It failed.
    Fault(Fault),
}

impl fmt::Display for InspectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("there is no plugin of this name"),
            Self::NotOffered => f.write_str("the plugin does not export `inspect`"),
            Self::TooLong => write!(f, "the query is longer than {MAX_QUERY} bytes"),
            Self::Refused(why) => write!(f, "the plugin does not answer: {why}"),
            Self::Fault(fault) => write!(f, "the plugin failed: {fault}"),
        }
    }
}

impl std::error::Error for InspectError {}

impl Node {
    pub(in crate::pipeline) fn inspect(
        &mut self,
        query: &str,
        codes: &[Arc<str>],
    ) -> Result<String, InspectError> {
        if !self.spec.plugin.interfaces().inspect {
            return Err(InspectError::NotOffered);
        }
        if query.len() > MAX_QUERY {
            return Err(InspectError::TooLong);
        }
        let asked = self.ask(query, codes);
        match asked {
            Ok(Some(answer)) => answer.map_err(InspectError::Refused),
            Ok(None) => Err(InspectError::NotOffered),
            Err(fault) => {
                self.note(&fault);
                self.instance = None;
                Err(InspectError::Fault(fault))
            }
        }
    }

    fn ask(&mut self, query: &str, codes: &[Arc<str>]) -> Result<Option<Result<String, String>>, Fault> {
        if self.instance.is_none() {
            self.recover(codes)?;
        }
        let Some(instance) = self.instance.as_mut() else { return Err(Fault::Dead) };
        teach(instance, codes)?;
        instance.inspect(query)
    }
}
