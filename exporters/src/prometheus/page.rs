//! The reference page `docs/metrics.md`.

use std::fmt::Write as _;

use super::catalogue::{LABELS, MetricInfo, catalogue};
use super::executables::FAILURES;
use super::label::LONGEST;

/// The page, from the table of metrics.
#[must_use]
pub fn page() -> String {
    let metrics: String = catalogue().iter().map(metric_row).collect();
    let labels: String = LABELS.iter().map(|(name, says)| format!("| `{name}` | {says} |\n")).collect();
    let mut out = String::from(HEAD);
    // Writing to a `String` does not fail.
    let _ = write!(out, "\n## Metrics\n\n| name | type | labels | meaning |\n|---|---|---|---|\n{metrics}");
    let _ = write!(out, "\n## Labels\n\n| label | values |\n|---|---|\n{labels}");
    let _ = write!(out, "\nA value longer than {LONGEST} bytes is cut, and ends in `\u{2026}`.\n");
    let _ = write!(out, "\n{VERDICTS}\n{BOUNDS}");
    out.replace("FAILURES", &FAILURES.to_string())
}

fn metric_row(info: &MetricInfo) -> String {
    let labels: Vec<String> = info.labels.iter().map(|label| format!("`{label}`")).collect();
    format!("| `{}` | {} | {} | {} |\n", info.name, info.kind.as_str(), labels.join(" "), info.help)
}

const HEAD: &str = "\
# Metrics

<!-- Made from exporters/src/prometheus/catalogue.rs: run the tests of egret-exporters with EGRET_BLESS=1 to write it anew. -->

`egret run` serves metrics at <http://127.0.0.1:9464/metrics>, in Prometheus' text format and, if the scraper asks for it
(Prometheus does), in OpenMetrics. `/healthz` answers 200 while egret runs; `/readyz` answers 200 while it captures and its
sinks work, and otherwise 503 with the reasons, a line each. There is no access control: leave it on loopback, or put something
that has it in front.

```yaml
scrape_configs:
  - job_name: egret
    static_configs:
      - targets: [\"localhost:9464\"]
```

Durations are in seconds and sizes in bytes. All counters begin at zero when egret starts. What is counted when a connection ends
(retransmits, durations) is not there while it lasts; its bytes are, as of the last report of totals (`capture.totals_interval`), and its end
adds the rest alone.

With `every_send` each datagram is an event, and counts as a connection too.
";

const VERDICTS: &str = "\
## Verdicts

Verdicts are counted twice, for two questions, and the counts are not to be added up:

* `egret_verdicts_total` says how many, exactly: each is counted where it is given, whatever becomes of the event that tells of it. A
  SYN that is sent again is judged again. What the kernel lets through by itself, because a flow like it was allowed before, is in
  `egret_flows_granted_total` instead.
* `egret_blocked_total` and `egret_peer_blocked_total` say who was blocked, or would have been, and from whom it was kept. They are
  made of events, once a connection, and lack those that were lost (`egret_records_lost_total`, `egret_sink_dropped_total`).

While egret only looks on, verdicts are there at zero, and what there is no enforcement to tell of is absent.
";

const BOUNDS: &str = "\
## Bounded labels

However many programs run and however many peers there are, the number of series has a bound, and so has the memory. Executables
and peers have series of their own up to the configured number, and each executable has FAILURES pairs of error and transport. The
rest is counted under `other`; `egret_series_other_total` says how often.

The first values get series. When there are as many as may be, another value replaces the least frequent one once it has surely come
twice as often; what came before counts half after an hour. So a storm of peers that come once each changes nothing, a value that is
frequent gets its series although a storm took them all first, and series do not come and go with every scrape: between two
scrapes no more of them are replaced than there are, and none comes back. Candidates are
counted with the Space-Saving algorithm (Metwally, Agrawal, El Abbadi, ICDT 2005) in a table of eight for each series.

A value that is replaced loses its series. If it gets them again, they begin at zero, which Prometheus takes for a restart of the
counter. What was counted in a series and not scraped yet goes to `other`, what was scraped does not: so
`sum(increase(egret_connections_total[1h]))` counts everything once, whatever was replaced meanwhile. (With several scrapers, what one
of them has not seen when another has is missing for that one.)
";
