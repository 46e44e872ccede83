//! The examination: looks, then tries.

use egret_capture::{Capture, CaptureError, NamesOptions, Options, Probe, Support, diag, self_test};
use egret_model::{Degradation, Layer};

use super::check::{Check, Status};
use super::enforcing::Enforcing;
use super::report::Report;
use super::{processes, sight};

/// Bytes of the ring for the self-test, which writes a few dozen records.
const RING_BYTES: u32 = 256 << 10;

/// Examines this host. Nothing of it stays.
pub(super) fn examine() -> Report {
    let probe = Probe::new();
    let mut report = Report {
        release: probe.release.clone(),
        checks: looks(&probe),
        available: Vec::new(),
        reduced: Vec::new(),
        enforcing: Enforcing::default(),
    };
    for layer in [Layer::Sockets, Layer::Syscalls] {
        attempt(&probe, layer, &mut report);
    }
    report.available.push(Layer::Procfs);
    report
}

/// What can be told without changing anything.
fn looks(probe: &Probe) -> Vec<Check> {
    let place = |found: &Option<std::path::PathBuf>, what: &str| match found {
        Some(path) => Support::Yes(path.display().to_string()),
        None => Support::No(format!("{what} is not mounted, or cannot be read")),
    };
    let (sockets, syscalls) = (Some(Layer::Sockets), Some(Layer::Syscalls));
    vec![
        look(None, "privilege", &probe.privilege, Degradation::NoBpfPrivilege),
        look(None, "kernel_types", &probe.btf, Degradation::NoBtf),
        look(sockets, "cgroup_v2", &place(&probe.cgroup, "cgroup v2"), Degradation::NoCgroup2),
        lengths(probe),
        look(syscalls, "tracefs", &place(&probe.tracefs, "tracefs"), Degradation::NoTracefs),
        processes::check(probe),
        sock_diag(),
    ]
}

fn look(layer: Option<Layer>, name: &str, support: &Support, degradation: Degradation) -> Check {
    let (status, detail) = match support {
        Support::Yes(detail) => (Status::Ok, detail),
        Support::No(detail) => (Status::Missing, detail),
    };
    Check::new(layer, name, status, detail).without(degradation)
}

/// Only tracefs lists tracepoints; whether these work is shown by the self-test.
fn lengths(probe: &Probe) -> Check {
    let name = "length_tracepoints";
    match (&probe.lengths, &probe.tracefs) {
        (Support::No(detail), None) => Check::new(Layer::Sockets, name, Status::NotChecked, detail),
        (support, _) => look(Some(Layer::Sockets), name, support, Degradation::NoLengthTracepoints),
    }
}

/// Lists the preexisting sockets, as a trace does when it starts.
fn sock_diag() -> Check {
    let (status, detail) = match diag::list_all() {
        Ok(listed) => match listed.failures.first() {
            None => {
                let sockets: usize = listed.namespaces.iter().map(|namespace| namespace.sockets.len()).sum();
                let namespaces = listed.namespaces.len();
                (Status::Ok, format!("preexisting sockets: {sockets}, network namespaces: {namespaces}"))
            }
            Some((netns, error)) => (Status::Missing, format!("network namespace {netns}: {error}")),
        },
        Err(error) => (Status::Failed, format!("/proc cannot be read: {error}")),
    };
    Check::new(Layer::Procfs, "standing_sockets", status, detail).without(Degradation::NoSockDiag)
}

/// Starts a layer for a moment; the best one that starts shows what it sees.
fn attempt(probe: &Probe, layer: Layer, report: &mut Report) {
    // The hooks on packets are tried as well.
    let settings = egret_names::Settings { addresses: 1, ..egret_names::Settings::default() };
    let options = Options {
        layer: Some(layer),
        ring_bytes: RING_BYTES,
        every_send: false,
        preexisting: false,
        names: Some(NamesOptions { dns: true, sni: true, settings, kept: Vec::new() }),
        totals: None,
        trace_context: false,
        containers: None,
        enforce: false,
    };
    let name = format!("{}_start", layer.as_str());
    let mut capture = match Capture::start(probe, options) {
        Ok(capture) => capture,
        Err(error) => return report.checks.push(refusal(probe, layer, name, &error)),
    };
    report.checks.push(Check::new(layer, name, Status::Ok, "loaded, attached and taken out again"));
    if report.available.is_empty() {
        report.reduced = capture.degradations().to_vec();
        report
            .checks
            .extend(self_test(&mut capture).into_iter().map(|observation| sight::check(layer, probe, observation)));
    }
    report.available.push(layer);
    capture.stop(&mut Vec::new());
}

/// A layer that does not start: because of something that another check tells, or for a reason of the kernel's own.
fn refusal(probe: &Probe, layer: Layer, name: String, error: &CaptureError) -> Check {
    let lacks = [
        (!probe.privilege.is_yes(), "privilege"),
        (layer == Layer::Sockets && probe.cgroup.is_none(), "cgroup_v2"),
        (layer == Layer::Syscalls && probe.tracefs.is_none(), "tracefs"),
    ];
    let lacks: Vec<&str> = lacks.into_iter().filter_map(|(lacks, what)| lacks.then_some(what)).collect();
    if lacks.is_empty() {
        return Check::new(layer, name, Status::Failed, error.to_string()).without(Degradation::LayerRefused);
    }
    Check::new(layer, name, Status::Missing, format!("not without {}", lacks.join(" and ")))
}
