//! Checks from the observations of the self-test.

use egret_capture::{Observation, Outcome, Probe};
use egret_model::{Degradation, Layer};

use super::check::{Check, Status};

/// The check for an observation of `layer`.
pub(super) fn check(layer: Layer, probe: &Probe, observation: Observation) -> Check {
    let name = format!("self_test.{}", observation.name);
    let (detail, cause) = match observation.outcome {
        Outcome::Seen => return Check::new(layer, name, Status::Ok, "seen"),
        Outcome::NotChecked(why) => return Check::new(layer, name, Status::NotChecked, why),
        Outcome::WithoutPeer => {
            let detail = "seen without its peer, which an unconnected raw socket does not have";
            return Check::new(layer, name, Status::Missing, detail).without(Degradation::NoRawPeers);
        }
        Outcome::NotSeen => ("not seen".to_owned(), known_cause(layer, probe, observation.name)),
        Outcome::Partly(how) => (format!("seen, but {how}"), known_cause(layer, probe, observation.name)),
    };
    match cause {
        Some(cause) => Check::new(layer, name, Status::Missing, format!("{detail}: {cause}")),
        None => Check::new(layer, name, Status::Failed, detail).without(Degradation::SelfTestUnseen),
    }
}

/// The known cause if a layer cannot see all of an operation. Another check has the consequence.
fn known_cause(layer: Layer, probe: &Probe, observation: &str) -> Option<&'static str> {
    // No cgroup hook runs for these operations; they are seen by typed tracepoints.
    let traced = matches!(observation, "udp_write" | "icmp_send");
    match (layer, observation) {
        (Layer::Syscalls, "io_uring_connect" | "udp_write" | "tcp_bytes") => Some("no system call that is traced"),
        (Layer::Sockets, _) if traced && !probe.btf.is_yes() => Some("needs kernel_types"),
        (Layer::Sockets, _) if traced && !probe.lengths.is_yes() => Some("needs length_tracepoints"),
        _ => None,
    }
}
