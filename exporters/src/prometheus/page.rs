//! The reference page `docs/metrics.md`.

use std::fmt::Write as _;

use super::counters::FAILURES;
use super::encoder::catalogue::{LABELS, MetricInfo, catalogue};
use super::encoder::label::MAX_LENGTH;

/// The page, generated from the catalogue.
#[must_use]
pub fn page() -> String {
    let metrics: String = catalogue().iter().map(metric_row).collect();
    let labels: String = LABELS.iter().map(|(name, values)| format!("| `{name}` | {values} |\n")).collect();
    let mut out = String::from(HEAD);
    // Writing to a `String` does not fail.
    let _ = write!(out, "\n## Metrics\n\n| name | type | labels | meaning |\n|---|---|---|---|\n{metrics}");
    let _ = write!(out, "\n## Labels\n\n| label | values |\n|---|---|\n{labels}");
    let _ = write!(out, "\nA value longer than {MAX_LENGTH} bytes is truncated and ends with `\u{2026}`.\n");
    let _ = write!(out, "\n{VERDICTS}\n{BOUNDS}");
    out.replace("FAILURES", &FAILURES.to_string())
}

fn metric_row(info: &MetricInfo) -> String {
    let labels: Vec<String> = info.labels.iter().map(|label| format!("`{label}`")).collect();
    format!("| `{}` | {} | {} | {} |\n", info.name, info.kind.as_str(), labels.join(" "), info.help)
}

const HEAD: &str = "\
# Metrics

<!-- Made from exporters/src/prometheus/encoder/catalogue/: run the tests of egret-exporters with EGRET_BLESS=1 to regenerate it. -->

`egret run` serves metrics at <http://127.0.0.1:9464/metrics>, in Prometheus' text format and, if the scraper asks for it
(Prometheus does), in OpenMetrics. `/healthz` answers 200 while egret runs; `/readyz` answers 200 while it captures and its
sinks work, and otherwise 503 with the reasons, a line each. There is no access control: leave it on loopback, or put a proxy with
access control in front.

```yaml
scrape_configs:
  - job_name: egret
    static_configs:
      - targets: [\"localhost:9464\"]
```

Durations are in seconds and sizes in bytes. All counters begin at zero when egret starts. Values that are counted at the end of a
connection (retransmits, durations) are missing while it is open. Its bytes are counted as of the last report of totals
(`capture.totals_interval`), and its end adds the remainder.

With `every_send` each datagram is an event and also counts as a connection.
";

const VERDICTS: &str = "\
## Verdicts

Verdicts are counted twice, for two purposes, and the counts must not be added up:

* `egret_verdicts_total` has the exact number: every verdict is counted where it is issued, even if the event about it is lost. A retransmitted
  SYN is evaluated again. Flows that the kernel let through because a similar flow was allowed before are in
  `egret_flows_granted_total` instead.
* `egret_blocked_total` and `egret_peer_blocked_total` show which executable was blocked, or would have been, and from which peer. They
  count events, once for a connection, and lack events that were lost (`egret_records_lost_total`, `egret_sink_dropped_total`).

In the mode `observe` verdicts exist at zero, and the other metrics of enforcement are absent.
";

const BOUNDS: &str = "\
## Bounded labels

However many executables run and however many peers there are, the number of series and the memory are limited. Executables
and peers have their own series up to the configured number, and each executable has at most FAILURES combinations of error, transport
and scope. All others are counted under `other`; `egret_series_other_total` has their number.

The first values get series. At the limit, another value replaces the least frequent one once it has certainly occurred twice as
often; occurrences count half after an hour. So peers that occur once each replace no other, a frequent value gets its series even if
such peers got them all first, and series do not change with every scrape: between two scrapes at most as many are replaced as
there are, and none comes back. Candidates are counted with the Space-Saving algorithm (Metwally, Agrawal, El Abbadi, ICDT 2005) in
a table of eight entries for each series.

A replaced value loses its series. If it gets series again, they begin at zero, which Prometheus takes for a restart of the
counter. The part of a counter that was not scraped yet moves to `other`, the scraped part does not: so
`sum(increase(egret_connections_total[1h]))` counts everything once. (With several scrapers, a part that another one has scraped is
missing for a scraper that has not.)
";
