//! The state of egret as metrics, from a snapshot.

mod baseline;
mod enforcement;
mod process;

use egret_model::{Degradation, Layer, Loss, LossReason, LossStage, Mode, OpenConnections};

use crate::prometheus::encoder::Family;
use crate::prometheus::encoder::catalogue::{
    CAPTURE_LAYER, CONNECTIONS_OPEN, DEGRADATION, MODE, MetricInfo, NAMES_ADDRESSES, NAMES_ANSWERS, NAMES_EVICTED,
    NAMES_MALFORMED, NAMES_SERVER_NAMES, RECORDS_CAPTURED, RECORDS_DELIVERED, RECORDS_INCOMPLETE, RECORDS_LOST,
    SINK_DROPPED, SINK_ENQUEUED, SINK_QUEUE, SINK_QUEUE_CAPACITY, SINK_SENT, SINK_WAITING, SPOOL_AGE, SPOOL_BYTES,
    SPOOL_DROPPED, SPOOL_EVENTS, SPOOL_FILES, SPOOL_UPLOADED,
};
use crate::prometheus::encoder::label;
use egret_model::snapshot::{NamesState, SinkState, Snapshot, SpoolState};

const LAYERS: [Layer; 3] = [Layer::Sockets, Layer::Syscalls, Layer::Procfs];

/// Losses that can occur. Their series exist at zero before the first one.
const LOST: [(LossStage, LossReason); 14] = [
    (LossStage::Hook, LossReason::HookSkipped),
    (LossStage::FlowRing, LossReason::RingFull),
    (LossStage::ProcessRing, LossReason::RingFull),
    (LossStage::NameRing, LossReason::Questions),
    (LossStage::NameRing, LossReason::Answers),
    (LossStage::NameRing, LossReason::Greetings),
    (LossStage::Decode, LossReason::Malformed),
    (LossStage::Queue, LossReason::QueueFull),
    (LossStage::FlowRing, LossReason::Shutdown),
    (LossStage::ProcessRing, LossReason::Shutdown),
    (LossStage::NameRing, LossReason::Shutdown),
    (LossStage::Queue, LossReason::Shutdown),
    (LossStage::Scan, LossReason::QueueFull),
    (LossStage::Scan, LossReason::Malformed),
];
const INCOMPLETE: [(LossStage, LossReason); 12] = [
    (LossStage::KernelState, LossReason::SocketState),
    (LossStage::KernelState, LossReason::PeerTable),
    (LossStage::KernelState, LossReason::PeerEvicted),
    (LossStage::UserState, LossReason::PeerForgotten),
    (LossStage::KernelState, LossReason::ProcessTable),
    (LossStage::KernelState, LossReason::CallTable),
    (LossStage::KernelState, LossReason::PeerUnreported),
    (LossStage::KernelState, LossReason::MessagesUnreported),
    (LossStage::KernelState, LossReason::CgroupPath),
    (LossStage::KernelState, LossReason::OwnerTable),
    (LossStage::Digest, LossReason::QueueFull),
    (LossStage::Process, LossReason::Unanswered),
];

/// The metrics of a snapshot, with at most `limit` executables.
pub(super) fn families(snapshot: &Snapshot, limit: usize) -> Vec<Family> {
    let tally = &snapshot.tally;
    let mut families = vec![
        Family::states(MODE, Mode::ALL.map(Mode::as_str), |mode| mode == snapshot.mode.as_str()),
        Family::states(CAPTURE_LAYER, LAYERS.map(Layer::as_str), |layer| layer == snapshot.layer.as_str()),
        degradations(&snapshot.degradations),
        // Records that wait in the rings are not counted yet: they are neither delivered nor lost.
        Family::single(RECORDS_CAPTURED, tally.accounted_for()),
        Family::single(RECORDS_DELIVERED, tally.delivered),
        losses(RECORDS_LOST, &LOST, &tally.lost),
        losses(RECORDS_INCOMPLETE, &INCOMPLETE, &tally.incomplete),
    ];
    families.extend(snapshot.open.iter().map(|open| open_connections(open, limit)));
    families.extend(sinks(&snapshot.sinks));
    families.extend(spools(&snapshot.sinks));
    families.extend(snapshot.names.iter().flat_map(names));
    families.extend(enforcement::families(snapshot, limit));
    families.extend(process::families());
    families
}

/// The executables with the most connections have their own series, at most `limit`; the others share one.
fn open_connections(open: &OpenConnections, limit: usize) -> Family {
    let mut family = Family::new(CONNECTIONS_OPEN);
    let mut counts: Vec<_> = open.by_executable.iter().map(|(path, count)| (label::bounded(path), *count)).collect();
    counts.sort_unstable_by(|(one, many), (other, more)| more.cmp(many).then_with(|| one.cmp(other)));
    let (own, rest) = counts.split_at(counts.len().min(limit));
    own.iter().for_each(|(path, count)| family.add(&[&label::value(path)], *count));
    family.add(&[label::OTHER], rest.iter().map(|(_, count)| count).sum());
    family.add(&[label::UNKNOWN], open.unknown);
    family
}

fn degradations(missing: &[Degradation]) -> Family {
    let is_missing = |name: &str| missing.iter().any(|degradation| degradation.as_str() == name);
    Family::states(DEGRADATION, Degradation::ALL.map(Degradation::as_str), is_missing)
}

fn losses(info: MetricInfo, possible: &[(LossStage, LossReason)], occurred: &[Loss]) -> Family {
    let mut family = Family::new(info);
    let sum = |kind: (LossStage, LossReason)| {
        occurred.iter().filter(|loss| (loss.stage, loss.reason) == kind).map(|loss| loss.count).sum()
    };
    let mut kinds = possible.to_vec();
    kinds.extend(occurred.iter().map(|loss| (loss.stage, loss.reason)));
    kinds.sort_unstable();
    kinds.dedup();
    kinds.into_iter().for_each(|kind| family.add(&[kind.0.as_str(), kind.1.as_str()], sum(kind)));
    family
}

fn sinks(sinks: &[SinkState]) -> [Family; 6] {
    let family = |info, value: fn(&SinkState) -> u64| {
        let mut family = Family::new(info);
        sinks.iter().for_each(|sink| family.add(&[sink.name], value(sink)));
        family
    };
    let mut dropped = Family::new(SINK_DROPPED);
    for sink in sinks {
        sink.account.dropped.iter().for_each(|(why, count)| dropped.add(&[sink.name, why.as_str()], count));
    }
    [
        family(SINK_ENQUEUED, |sink| sink.account.enqueued),
        family(SINK_SENT, |sink| sink.account.sent),
        family(SINK_QUEUE, |sink| sink.account.queued),
        family(SINK_WAITING, |sink| sink.account.waiting),
        family(SINK_QUEUE_CAPACITY, |sink| sink.capacity as u64),
        dropped,
    ]
}

/// Metrics of sinks with a spool.
fn spools(sinks: &[SinkState]) -> Vec<Family> {
    let spools: Vec<_> = sinks.iter().filter_map(|sink| Some((sink.name, sink.spool.as_ref()?))).collect();
    if spools.is_empty() {
        return Vec::new();
    }
    let family = |info, value: fn(&SpoolState) -> u64| {
        let mut family = Family::new(info);
        spools.iter().for_each(|(sink, spool)| family.add(&[sink], value(spool)));
        family
    };
    let mut dropped = Family::new(SPOOL_DROPPED);
    for (sink, spool) in &spools {
        spool.dropped.iter().for_each(|(why, events)| dropped.add(&[sink, why.as_str()], events));
    }
    vec![
        family(SPOOL_FILES, |spool| spool.files),
        family(SPOOL_BYTES, |spool| spool.bytes),
        family(SPOOL_EVENTS, |spool| spool.events),
        family(SPOOL_AGE, |spool| spool.oldest_seconds.unwrap_or(0)),
        family(SPOOL_UPLOADED, |spool| spool.uploaded_events),
        dropped,
    ]
}

fn names(names: &NamesState) -> [Family; 5] {
    [
        Family::single(NAMES_ADDRESSES, names.addresses as u64),
        Family::single(NAMES_ANSWERS, names.answers),
        Family::single(NAMES_SERVER_NAMES, names.server_names),
        Family::single(NAMES_MALFORMED, names.malformed),
        Family::single(NAMES_EVICTED, names.evicted),
    ]
}
