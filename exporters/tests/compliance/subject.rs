//! A sink under test, with a destination whose condition can be changed.

use std::path::Path;
use std::pin::Pin;

use egret_exporters::sink::{DropReason, Receiver};

use crate::scenarios::Scenario;

/// The expected result of a scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// The sink runs, and its account is permitted.
    Account(Permitted),
    /// The sink does not start, and the error names the destination.
    StartError,
    /// The scenario does not apply to the sink, for this reason.
    Inapplicable(&'static str),
}

/// The allowed accounts at the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permitted {
    /// The reason for which events must have been dropped; no other reason is permitted.
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
    /// The destination has each event once, in order, and no other.
    Exactly,
    /// The destination has each event. It may have duplicates, and events whose acknowledgement was lost.
    AtLeast,
}

/// The condition of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It accepts events at once.
    Healthy,
    /// It does not exist.
    Dead,
    /// It accepts events much slower than they arrive.
    Slow,
    /// It exists and accepts nothing.
    Stuck,
}

/// The content of a destination.
#[derive(Debug)]
pub(crate) enum Holds {
    /// The numbers of its events, in order.
    Events(Vec<u64>),
    /// The number of its events.
    Count(u64),
}

/// A sink that is ready to run.
pub(crate) type Ready = Box<dyn FnOnce(Receiver) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// A kind of sink.
pub(crate) trait Subject: Send + Sync {
    fn name(&self) -> &'static str;

    /// The expected result of a scenario.
    fn expects(&self, scenario: Scenario) -> Expected;

    /// A destination in this condition; what it keeps on disk is below `directory`.
    fn destination(&self, directory: &Path, condition: Condition) -> Box<dyn Destination>;
}

/// A destination, and the way to it.
pub(crate) trait Destination {
    /// The address that an error must name.
    fn address(&self) -> String;

    /// A sink for it, or the error at its start.
    fn sink(&mut self) -> Result<Ready, String>;

    fn set(&mut self, condition: Condition);

    /// The content of the destination after the sink has ended.
    fn holds(&mut self) -> Holds;
}
