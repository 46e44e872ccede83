//! Counters whose labels have a fixed set of values. All their series exist from the start at zero, so that Prometheus sees the
//! first increase.

use egret_model::{Event, EventName, NameSource};
use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

use super::classify;
use crate::prometheus::config::Error;
use crate::prometheus::encoder::catalogue::{ATTRIBUTION, CONNECTIONS_CLOSED, EVENTS, MetricInfo, NAMES, RETRANSMITS};
use crate::prometheus::encoder::label::{self, DIRECTIONS, TRANSPORTS};
use crate::values;

const EVENT_NAMES: [EventName; 7] = [
    EventName::ConnectionOpen,
    EventName::ConnectionClose,
    EventName::ConnectionFailed,
    EventName::DatagramSend,
    EventName::Listen,
    EventName::Accept,
    EventName::ConnectionUpdate,
];
const NAME_SOURCES: [NameSource; 3] = [NameSource::Dns, NameSource::Sni, NameSource::Hosts];
/// The value of `source` for a peer without a name, after the sources.
const NO_NAME: &str = "none";

#[derive(Debug)]
pub(super) struct Fixed {
    events: Vec<IntCounter>,
    attribution: Vec<IntCounter>,
    names: Vec<IntCounter>,
    /// By direction and transport.
    closed: Vec<IntCounter>,
    retransmits: IntCounter,
}

impl Fixed {
    pub(super) fn register(registry: &Registry) -> Result<Self, Error> {
        let closed = DIRECTIONS.iter().flat_map(|direction| TRANSPORTS.map(|transport| vec![*direction, transport]));
        let sources = NAME_SOURCES.map(values::name_source).into_iter().chain([NO_NAME]);
        Ok(Self {
            events: one_label(registry, EVENTS, EVENT_NAMES.map(EventName::as_str))?,
            attribution: one_label(registry, ATTRIBUTION, values::ATTRIBUTIONS.map(values::attribution))?,
            names: one_label(registry, NAMES, sources)?,
            closed: counters(registry, CONNECTIONS_CLOSED, closed)?,
            retransmits: single(registry, RETRANSMITS)?,
        })
    }

    pub(super) fn count(&self, event: &Event) {
        add(&self.events, event.name as usize);
        if event.name != EventName::ConnectionUpdate {
            add(&self.attribution, event.attribution as usize);
        }
        if classify::ends(event) {
            let source = event.server.as_ref().map_or(NAME_SOURCES.len(), |server| server.source as usize);
            add(&self.names, source);
        }
        if event.name == EventName::ConnectionClose {
            let direction = label::direction(classify::inbound(event));
            add(&self.closed, direction * TRANSPORTS.len() + label::transport(event.transport));
            self.retransmits.inc_by(event.retransmits.unwrap_or(0).into());
        }
    }
}

fn add(counters: &[IntCounter], index: usize) {
    if let Some(counter) = counters.get(index) {
        counter.inc();
    }
}

fn one_label<'a>(
    registry: &Registry,
    info: MetricInfo,
    values: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<IntCounter>, Error> {
    counters(registry, info, values.into_iter().map(|value| vec![value]))
}

/// A counter for each list of label values, in their order.
fn counters<'a>(
    registry: &Registry,
    info: MetricInfo,
    values: impl Iterator<Item = Vec<&'a str>>,
) -> Result<Vec<IntCounter>, Error> {
    let failed = |source| Error { metric: info.name, source };
    let vec = IntCounterVec::new(Opts::new(info.name, info.help), info.labels).map_err(failed)?;
    let counters = values.map(|values| vec.get_metric_with_label_values(&values)).collect::<Result<_, _>>();
    register(registry, info, vec)?;
    counters.map_err(failed)
}

fn single(registry: &Registry, info: MetricInfo) -> Result<IntCounter, Error> {
    let counter = IntCounter::new(info.name, info.help).map_err(|source| Error { metric: info.name, source })?;
    register(registry, info, counter.clone())?;
    Ok(counter)
}

/// Registers the collector of a metric.
pub(in crate::prometheus) fn register(
    registry: &Registry,
    info: MetricInfo,
    collector: impl Collector + 'static,
) -> Result<(), Error> {
    registry.register(Box::new(collector)).map_err(|source| Error { metric: info.name, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_the_order_of_the_values() {
        EVENT_NAMES.into_iter().enumerate().for_each(|(index, name)| assert_eq!(name as usize, index));
        values::ATTRIBUTIONS.into_iter().enumerate().for_each(|(index, quality)| assert_eq!(quality as usize, index));
        NAME_SOURCES.into_iter().enumerate().for_each(|(index, source)| assert_eq!(source as usize, index));
    }
}
