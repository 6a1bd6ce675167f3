//! `price` as a signal: the latest price of a source.

use crate::bounds::{Reading, Unit};
use crate::config::{Around, Reader};
use crate::engine::{Needs, View};
use crate::rule::Source;
use crate::signal::Signal;
use serde::Serialize;

/// Which price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Priced {
    source: Source,
}

/// The keys beside the bounds.
pub(super) const KEYS: &[&str] = &["source"];

#[expect(clippy::unnecessary_wraps, reason = "all kinds are read alike")]
pub(super) fn read(when: &mut Reader<'_>, around: Around<'_>) -> Option<Priced> {
    Some(Priced { source: super::price::source(when, around) })
}

impl Priced {
    #[expect(clippy::unused_self, reason = "all kinds are asked alike")]
    pub(super) fn unit(&self) -> Unit {
        Unit::Money
    }

    pub(super) fn words(&self) -> String {
        self.source.word().to_owned()
    }

    pub(super) fn build(&self, _needs: &mut Needs<'_>) -> Box<dyn Signal> {
        Box::new(*self)
    }
}

impl Signal for Priced {
    fn value(&self, view: &View<'_>) -> Option<Reading> {
        view.source(self.source).map(Reading::of)
    }
}
