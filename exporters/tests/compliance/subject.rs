//! A sink under test, with a destination whose condition can be changed.

use std::path::Path;
use std::pin::Pin;

use egret_exporters::sink::{DropReason, Receiver};

use crate::scenarios::Scenario;

/// The expected result of a scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// It runs, and its account says this.
    Account(Permitted),
    /// It does not start, and says what is wrong with the destination.
    StartError,
    /// The scenario cannot be put to it, for this reason.
    Inapplicable(&'static str),
}

/// The allowed accounts at the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permitted {
    /// The reason for which events must have been dropped; for no other.
    pub(crate) must: Option<DropReason>,
    /// The relation of sent events to the content of the destination.
    pub(crate) delivery: Delivery,
}

/// Nothing is dropped, and all events have arrived.
pub(crate) const ALL_ARRIVES: Permitted = Permitted { must: None, delivery: Delivery::Exactly };

impl Permitted {
    pub(crate) const fn must_drop(self, reason: DropReason) -> Self {
        Self { must: Some(reason), ..self }
    }

    pub(crate) const fn delivers(self, delivery: Delivery) -> Self {
        Self { delivery, ..self }
    }
}

/// The relation of sent events to the content of the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It has each of these events once, in order, and no other.
    Exactly,
    /// It has each of them. It may have some twice, and some of which it could not say so in time.
    AtLeast,
}

/// The condition of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It takes everything at once.
    Healthy,
    /// It is not there.
    Dead,
    /// It takes everything, much slower than events come.
    Slow,
    /// It is there and takes nothing.
    Stuck,
}

/// The content of a destination.
#[derive(Debug)]
pub(crate) enum Holds {
    /// Events of these numbers, as they came.
    Events(Vec<u64>),
    /// So many events; it only counts.
    Count(u64),
}

/// A sink that is ready to run.
pub(crate) type Ready = Box<dyn FnOnce(Receiver) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// A kind of sink.
pub(crate) trait Subject: Send + Sync {
    fn name(&self) -> &'static str;

    /// How it should take a scenario.
    fn expects(&self, scenario: Scenario) -> Expected;

    /// A destination in this condition; what it keeps on disk is below `directory`.
    fn destination(&self, directory: &Path, condition: Condition) -> Box<dyn Destination>;
}

/// A destination, and the way to it.
pub(crate) trait Destination {
    /// What an error should name.
    fn address(&self) -> String;

    /// A sink for it, or the error with which it does not start.
    fn sink(&mut self) -> Result<Ready, String>;

    fn set(&mut self, condition: Condition);

    /// Everything that it has. The sink has ended.
    fn holds(&mut self) -> Holds;
}
