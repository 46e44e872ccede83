//! The baseline, and holding the host to it.

use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use egret_enforcer::Mode;
use egret_enforcer::baseline::{Bounds, Precision, Thresholds};
use egret_enforcer::mode::Limits;

use super::{Findings, Host};
use crate::config::layer::Layered;
use crate::config::settings::{Baseline, Enforce, EnforceLive};

/// More queues than this help only hosts that open more connections than any opens.
const MOST_QUEUES: usize = 4;

/// Waiting longer than this looks like a broken network to most programs.
const LONGEST_HOLD: Duration = Duration::from_secs(5);

pub(super) fn baseline(layered: &Layered, host: &Host, findings: &mut Findings) -> Option<Baseline> {
    let draft = &layered.draft.baseline;
    if draft.enabled && draft.sha256 && !layered.draft.capture.hash {
        findings.doubtful(layered, "baseline.sha256", "has no effect without capture.hash: nothing computes digests");
    }
    draft.enabled.then(|| Baseline {
        file: draft.file.0.clone(),
        host: super::host_name(layered, host),
        save_every: draft.save_every,
        precision: Precision { user: draft.user, unit: draft.unit, sha256: draft.sha256 },
        thresholds: Thresholds {
            names: draft.names.usize(),
            addresses: draft.addresses.usize(),
            ports: draft.ports.usize(),
        },
        bounds: Bounds { rules: draft.rules.usize(), of_subject: draft.rules_of_subject.usize() },
        queue_events: draft.queue_events.usize(),
    })
}

pub(super) fn settings(layered: &Layered, findings: &mut Findings) -> Option<Enforce> {
    let draft = &layered.draft.enforce;
    let live = live(layered, findings);
    if !draft.enabled {
        if draft.mode != Mode::Observe {
            findings.wrong(layered, "enforce.mode", "expected enforce.enabled = true with it");
        }
        return None;
    }
    if draft.mode != Mode::Observe && !layered.draft.baseline.enabled {
        findings.wrong(
            layered,
            "enforce.mode",
            "expected baseline.enabled = true with it: there is nothing to enforce",
        );
    }
    let queues = if draft.queues.0 == 0 { cpus().min(MOST_QUEUES) } else { draft.queues.usize() };
    Some(Enforce {
        mode: draft.mode,
        state: draft.state.0.clone(),
        live,
        backend: draft.backend,
        first_queue: u16::try_from(draft.first_queue.0).unwrap_or(u16::MAX),
        queues: u16::try_from(queues).unwrap_or(1),
        queue_length: draft.queue_length.0,
        mark_mask: draft.mark_mask.0,
    })
}

fn live(layered: &Layered, findings: &mut Findings) -> EnforceLive {
    let (draft, fallback, ask) = (&layered.draft.enforce, &layered.draft.fallback, &layered.draft.ask);
    if ask.hold > LONGEST_HOLD {
        findings.wrong(layered, "ask.hold", "expected five seconds at most: programs take longer for a broken network");
    }
    EnforceLive {
        on_failure: draft.on_failure,
        action: draft.action,
        unattributed: draft.unattributed,
        loopback: draft.loopback,
        established: draft.established,
        protect: draft.protect,
        bypass_users: draft.bypass_users.0.clone(),
        bypass_groups: draft.bypass_groups.0.clone(),
        bypass_cgroups: draft.bypass_cgroups.0.clone(),
        fallback: fallback.enabled.then(|| Limits {
            window: fallback.window,
            blocks: u64::from(fallback.blocks.0),
            unattributed_percent: fallback.unattributed.0,
            overflow: u64::from(fallback.overflow.0),
        }),
        ask_hold: ask.enabled.then_some(ask.hold),
    }
}

fn cpus() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}
