//! The final report.

use egret_model::Tally;
use egret_model::snapshot::{SinkState, Snapshot};

/// Writes losses, a line for each sink, and the final line of `egret trace` to standard error.
pub(super) fn report(snapshot: &Snapshot) {
    for loss in snapshot.tally.lost.iter().chain(&snapshot.tally.incomplete) {
        eprintln!("egret: lost at {}, {}: {}", loss.stage.as_str(), loss.reason.as_str(), loss.count);
    }
    for sink in &snapshot.sinks {
        for (reason, count) in sink.account.dropped.iter().filter(|(_, count)| *count != 0) {
            eprintln!("egret: dropped by {}, {}: {count}", sink.name, reason.as_str());
        }
    }
    snapshot.sinks.iter().for_each(|sink| eprintln!("{}", sink_line(sink)));
    eprintln!("{}", tally_line(&snapshot.tally));
}

fn sink_line(sink: &SinkState) -> String {
    let account = &sink.account;
    format!(
        "sink={} enqueued={} sent={} dropped={} queued={}",
        sink.name,
        account.enqueued,
        account.sent,
        account.dropped.total(),
        account.queued
    )
}

fn tally_line(tally: &Tally) -> String {
    format!("captured={} delivered={} lost={}", tally.captured, tally.delivered, tally.lost_total())
}
