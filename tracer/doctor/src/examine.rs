//! Runs the checks: first reads, then tries.

use egret_capture::{Capture, CaptureError, NamesOptions, Options, Probe, Support, diag, self_test};
use egret_model::{Degradation, Layer};

use super::check::{Check, Status};
use super::enforcing::Enforcing;
use super::report::Report;
use super::{observations, processes};

/// Ring buffer of the self-test, which makes a few dozen records.
const RING_BYTES: u32 = 256 << 10;

/// Checks this host and leaves nothing behind.
pub(super) fn examine() -> Report {
    let probe = Probe::new();
    let mut report = Report {
        release: probe.release.clone(),
        checks: passive_checks(&probe),
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

/// Checks that change nothing.
fn passive_checks(probe: &Probe) -> Vec<Check> {
    let place = |found: &Option<std::path::PathBuf>, what: &str| match found {
        Some(path) => Support::Yes(path.display().to_string()),
        None => Support::No(format!("{what} is not mounted, or cannot be read")),
    };
    let (sockets, syscalls) = (Some(Layer::Sockets), Some(Layer::Syscalls));
    vec![
        support_check(None, "privilege", &probe.privilege, Degradation::NoBpfPrivilege),
        support_check(None, "kernel_types", &probe.btf, Degradation::NoBtf),
        support_check(sockets, "cgroup_v2", &place(&probe.cgroup, "cgroup v2"), Degradation::NoCgroup2),
        lengths(probe),
        support_check(syscalls, "tracefs", &place(&probe.tracefs, "tracefs"), Degradation::NoTracefs),
        processes::check(probe),
        sock_diag(),
    ]
}

fn support_check(layer: Option<Layer>, name: &str, support: &Support, degradation: Degradation) -> Check {
    let (status, detail) = match support {
        Support::Yes(detail) => (Status::Ok, detail),
        Support::No(detail) => (Status::Missing, detail),
    };
    Check::new(layer, name, status, detail).without(degradation)
}

/// Only tracefs lists tracepoints; the self-test shows whether they work.
fn lengths(probe: &Probe) -> Check {
    let name = "length_tracepoints";
    match (&probe.lengths, &probe.tracefs) {
        (Support::No(detail), None) => Check::new(Layer::Sockets, name, Status::NotChecked, detail),
        (support, _) => support_check(Some(Layer::Sockets), name, support, Degradation::NoLengthTracepoints),
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

/// Starts a layer for a moment. The best layer that starts runs the self-test.
fn attempt(probe: &Probe, layer: Layer, report: &mut Report) {
    // With names, so that the packet hooks are tried too.
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
        Err(error) => return report.checks.push(start_failure(probe, layer, name, &error)),
    };
    report.checks.push(Check::new(layer, name, Status::Ok, "loaded, attached and removed"));
    if report.available.is_empty() {
        report.reduced = capture.degradations().to_vec();
        report.checks.extend(
            self_test(&mut capture).into_iter().map(|observation| observations::check(layer, probe, observation)),
        );
    }
    report.available.push(layer);
    capture.stop(&mut Vec::new());
}

/// The check of a layer that does not start: another check has the cause, or the kernel refused it.
fn start_failure(probe: &Probe, layer: Layer, name: String, error: &CaptureError) -> Check {
    let missing = [
        (!probe.privilege.is_yes(), "privilege"),
        (layer == Layer::Sockets && probe.cgroup.is_none(), "cgroup_v2"),
        (layer == Layer::Syscalls && probe.tracefs.is_none(), "tracefs"),
    ];
    let missing: Vec<&str> = missing.into_iter().filter_map(|(is_missing, what)| is_missing.then_some(what)).collect();
    if missing.is_empty() {
        return Check::new(layer, name, Status::Failed, error.to_string()).without(Degradation::LayerRefused);
    }
    Check::new(layer, name, Status::Missing, format!("needs {}", missing.join(" and ")))
}
