//! What egret says of itself, as metrics.

use egret_model::{Degradation, Layer, Loss, LossReason, LossStage};

use super::catalogue::{
    CAPTURE_LAYER, DEGRADATION, MODE, MetricInfo, NAMES_ADDRESSES, NAMES_ANSWERS, NAMES_EVICTED, NAMES_MALFORMED,
    NAMES_SERVER_NAMES, RECORDS_CAPTURED, RECORDS_DELIVERED, RECORDS_INCOMPLETE, RECORDS_LOST, SINK_DROPPED,
    SINK_ENQUEUED, SINK_QUEUE, SINK_QUEUE_CAPACITY, SINK_SENT,
};
use super::enforcement;
use super::family::Family;
use crate::snapshot::{NamesState, SinkState, Snapshot};

const MODES: [&str; 4] = ["observe", "learn", "shadow", "enforce"];
const LAYERS: [Layer; 3] = [Layer::Sockets, Layer::Syscalls, Layer::Procfs];

/// Losses that can occur, so that each is there, at zero, before it does.
const LOST: [(LossStage, LossReason); 12] = [
    (LossStage::Hook, LossReason::HookSkipped),
    (LossStage::FlowRing, LossReason::RingFull),
    (LossStage::ProcessRing, LossReason::RingFull),
    (LossStage::NameRing, LossReason::RingFull),
    (LossStage::Decode, LossReason::Malformed),
    (LossStage::Queue, LossReason::QueueFull),
    (LossStage::FlowRing, LossReason::Shutdown),
    (LossStage::ProcessRing, LossReason::Shutdown),
    (LossStage::NameRing, LossReason::Shutdown),
    (LossStage::Queue, LossReason::Shutdown),
    (LossStage::Scan, LossReason::QueueFull),
    (LossStage::Scan, LossReason::Malformed),
];
const INCOMPLETE: [(LossStage, LossReason); 10] = [
    (LossStage::KernelState, LossReason::SocketState),
    (LossStage::KernelState, LossReason::PeerTable),
    (LossStage::KernelState, LossReason::PeerEvicted),
    (LossStage::UserState, LossReason::PeerForgotten),
    (LossStage::KernelState, LossReason::ProcessTable),
    (LossStage::KernelState, LossReason::CallTable),
    (LossStage::KernelState, LossReason::PeerUntold),
    (LossStage::KernelState, LossReason::MessagesUntold),
    (LossStage::KernelState, LossReason::CgroupPath),
    (LossStage::KernelState, LossReason::OwnerTable),
];

/// The metrics of a snapshot; with no more executables of the baseline than `limit`.
pub(super) fn families(snapshot: &Snapshot, limit: usize) -> Vec<Family> {
    let tally = &snapshot.tally;
    let mut families = vec![
        Family::states(MODE, MODES, |mode| mode == snapshot.mode),
        Family::states(CAPTURE_LAYER, LAYERS.map(Layer::as_str), |layer| layer == snapshot.layer.as_str()),
        degradations(&snapshot.degradations),
        Family::single(RECORDS_CAPTURED, tally.captured),
        Family::single(RECORDS_DELIVERED, tally.delivered),
        losses(RECORDS_LOST, &LOST, &tally.lost),
        losses(RECORDS_INCOMPLETE, &INCOMPLETE, &tally.incomplete),
    ];
    families.extend(sinks(&snapshot.sinks));
    families.extend(snapshot.names.iter().flat_map(names));
    families.extend(enforcement::families(snapshot.enforcement.as_ref(), limit));
    families
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

fn sinks(sinks: &[SinkState]) -> [Family; 5] {
    let family = |info, of: fn(&SinkState) -> u64| {
        let mut family = Family::new(info);
        sinks.iter().for_each(|sink| family.add(&[sink.name], of(sink)));
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
        family(SINK_QUEUE_CAPACITY, |sink| sink.capacity as u64),
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
