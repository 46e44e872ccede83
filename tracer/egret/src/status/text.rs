//! The status as text.

use std::fmt::Write as _;

use bytesize::ByteSize;
use egret_enforcer::clock::boot_now;
use egret_exporters::sink::SpoolState;
use egret_model::snapshot::{NamesState, SinkState};
use egret_model::{Layer, Loss};

use super::document::{Status, Thread};
use super::enforcement;

/// Width of the labels: that of the longest.
const LABEL: usize = 15;
const NAME: usize = 10;
const COUNT: usize = 12;

/// Writing to a string does not fail.
pub(crate) fn render(status: &Status) -> String {
    let mut out = String::new();
    for trouble in &status.troubles {
        line(&mut out, "trouble", trouble);
    }
    let stopping = if status.stopping { ", stopping" } else { "" };
    line(&mut out, "egret", &format!("{}, process {}{stopping}", status.version, status.pid));
    line(&mut out, "up", &elapsed(status.uptime_seconds));
    let enforcing = status.snapshot.enforcement.as_ref();
    match enforcing {
        Some(state) => enforcement::mode(&mut out, state),
        None => line(&mut out, "mode", status.snapshot.mode.as_str()),
    }
    line(&mut out, "capture", &capture(status.snapshot.layer));
    for degradation in &status.snapshot.degradations {
        line(&mut out, "", &format!("without {}: {}", degradation.as_str(), degradation.consequence()));
    }
    records(&mut out, status);
    if let Some(state) = &status.snapshot.names {
        line(&mut out, "names", &names(state));
    }
    if let Some(state) = enforcing {
        enforcement::work(&mut out, state);
    } else if let Some(state) = &status.snapshot.baseline {
        enforcement::baseline(&mut out, state);
    }
    if let Some(metrics) = status.listening.metrics {
        line(&mut out, "metrics", &format!("http://{metrics}/metrics"));
    }
    configuration(&mut out, status);
    let resident = ByteSize(status.usage.resident_bytes).display().iec();
    line(&mut out, "usage", &format!("{resident} of memory, {:.1} s of CPU", status.usage.cpu_seconds));
    status.threads.iter().for_each(|of| line(&mut out, "", &thread(of)));
    sinks(&mut out, &status.snapshot.sinks);
    out
}

/// The status while egret starts.
pub(crate) fn starting(version: &str, pid: u32, uptime_seconds: u64) -> String {
    let mut out = String::new();
    line(&mut out, "egret", &format!("{version}, process {pid}, starting"));
    line(&mut out, "up", &elapsed(uptime_seconds));
    out
}

fn capture(layer: Layer) -> String {
    match layer {
        Layer::Sockets => layer.as_str().to_owned(),
        Layer::Syscalls | Layer::Procfs => {
            format!("{}, which sees less than {}; `egret doctor` says why", layer.as_str(), Layer::Sockets.as_str())
        }
    }
}

/// A line of the status. Continuation lines have no label.
pub(super) fn line(out: &mut String, label: &str, text: &str) {
    let _ = writeln!(out, "{label:LABEL$}{text}");
}

pub(crate) fn elapsed(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

fn records(out: &mut String, status: &Status) {
    let tally = &status.snapshot.tally;
    let sum = format!("{} captured, {} delivered, {} lost", tally.captured, tally.delivered, tally.lost_total());
    line(out, "records", &sum);
    tally.lost.iter().for_each(|loss| line(out, "", &describe(loss, "lost")));
    tally.incomplete.iter().for_each(|loss| line(out, "", &describe(loss, "incomplete")));
}

fn describe(loss: &Loss, what: &str) -> String {
    format!("{} {what} at {}: {}", loss.count, loss.stage.as_str(), loss.reason.as_str())
}

fn names(state: &NamesState) -> String {
    let watched = state.watched_since_ns.map(|since| boot_now().saturating_sub(since) / 1_000_000_000);
    let watched = watched.map(|seconds| format!("; read for {}", elapsed(seconds))).unwrap_or_default();
    format!(
        "{} addresses, {} DNS answers, {} TLS server names, {} malformed, {} evicted{watched}",
        state.addresses, state.answers, state.server_names, state.malformed, state.evicted
    )
}

fn configuration(out: &mut String, status: &Status) {
    let configuration = &status.configuration;
    let file = configuration.file.as_ref().map(|file| file.display().to_string());
    line(out, "configuration", file.as_deref().unwrap_or("defaults, no file"));
    configuration.warnings.iter().for_each(|warning| line(out, "", warning));
    if !configuration.waiting_for_restart.is_empty() {
        line(out, "", &format!("waits for a restart: {}", configuration.waiting_for_restart.join(", ")));
    }
}

fn thread(thread: &Thread) -> String {
    let held = if thread.capabilities.is_empty() { "no capability".to_owned() } else { thread.capabilities.join(" ") };
    format!("{}: {held}", thread.name)
}

fn sinks(out: &mut String, sinks: &[SinkState]) {
    let heads = ["enqueued", "sent", "dropped", "queued", "capacity"];
    let _ = write!(out, "\n{:NAME$}", "sink");
    for head in heads {
        let _ = write!(out, "{head:>COUNT$}");
    }
    out.push('\n');
    for sink in sinks {
        let account = &sink.account;
        let capacity = u64::try_from(sink.capacity).unwrap_or(u64::MAX);
        let _ = write!(out, "{:NAME$}", sink.name);
        for count in [account.enqueued, account.sent, account.dropped.total(), account.queued, capacity] {
            let _ = write!(out, "{count:COUNT$}");
        }
        out.push('\n');
        for (reason, count) in account.dropped.iter().filter(|(_, count)| *count != 0) {
            let _ = writeln!(out, "{:NAME$}{count} dropped: {}", "", reason.as_str());
        }
        if let Some(spool) = &sink.spool {
            describe_spool(out, spool);
        }
    }
}

fn describe_spool(out: &mut String, spool: &SpoolState) {
    let (files, bytes) = (spool.files, ByteSize(spool.bytes).display().iec());
    let since = spool.oldest_seconds.map(|seconds| format!(", for {}", elapsed(seconds))).unwrap_or_default();
    let _ = writeln!(out, "{:NAME$}spool: {files} files ({bytes}) wait{since}; {} uploaded", "", spool.uploaded_files);
    for (reason, events) in spool.dropped.iter().filter(|(_, events)| *events != 0) {
        let _ = writeln!(out, "{:NAME$}{events} events dropped from the spool: {}", "", reason.as_str());
    }
    if let Some(error) = &spool.error {
        let again = spool.retry_seconds.map(|seconds| format!("; retry after {}", elapsed(seconds)));
        let _ = writeln!(out, "{:NAME$}last upload: {error}{}", "", again.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::elapsed;

    #[test]
    fn elapsed_time_has_two_units() {
        for (seconds, text) in [(5, "5 s"), (65, "1 min 5 s"), (3_720, "1 h 2 min"), (90_000, "1 d 1 h")] {
            assert_eq!(elapsed(seconds), text);
        }
    }
}
