//! The results in Markdown.

use super::Findings;
use super::judge::Judge::{self, C, Conntrack, Enforce, Enforce100k};
use super::load;
use super::samples::{Sample, Samples};
use crate::report::{Aims, Table, nanoseconds, ratio};

/// Aimed share of the C program's rate.
const OF_C: f64 = 0.95;
/// Aimed share of the rate with ten rules, with 100,000 rules: the rest is noise.
const OF_FEW_RULES: f64 = 0.95;
/// Aimed share of conntrack's rate with datagrams.
const OF_CONNTRACK: f64 = 0.9;

impl Findings {
    pub(super) fn to_markdown(&self, rounds: usize) -> String {
        let mut text = format!(
            "{}\n{rounds} rounds. One client, without a pause. Configurations take turns, each in its own network \
             namespace without other rules. Rates are operations a second, median; ratios are formed within rounds, median \
             (least–most). Latency is the time of the program in `connect` or `sendto`. *Queued* is the number of packets that the \
             kernel queued for an operation. egret captures and records the same connections in every mode, with its \
             defaults (Parquet to tmpfs, metrics, names).\n\n",
            self.aims()
        );
        for why in &self.left_out {
            text.push_str(&format!("Left out: {why}.\n\n"));
        }
        for kind in load::ALL {
            if let Some(table) = self.table(kind.name) {
                text.push_str(&format!("### {}\n\n{}.\n\n{table}\n", kind.name, sentence(kind.operation)));
            }
        }
        text
    }

    fn table(&self, load: &'static str) -> Option<Table> {
        let samples = &self.samples;
        let mut table = Table::new(["judge", "rate", "of conntrack", "of C", "p50", "p99", "queued"]);
        let mut rows = 0;
        for judge in &self.judges {
            let Some(rate) = samples.of(load, *judge, Sample::rate) else { continue };
            let relative = |to| samples.relative(load, *judge, to).map_or_else(|| "-".to_owned(), ratio);
            let latency = |percent| samples.latency(load, *judge, percent).map_or(0.0, |spread| spread.median);
            let queued = samples.of(load, *judge, Sample::queued_each).map_or(0.0, |spread| spread.median);
            table.row([
                judge.name(),
                &format!("{:.0}", rate.median),
                &relative(Conntrack),
                &relative(C),
                &nanoseconds(latency(50)),
                &nanoseconds(latency(99)),
                &format!("{queued:.3}"),
            ]);
            rows += 1;
        }
        (rows > 0).then_some(table)
    }

    fn aims(&self) -> Aims {
        let mut aims = Aims::default();
        for kind in load::ALL.iter().filter(|kind| kind.name.starts_with("tcp-")) {
            for judge in self.judges.iter().filter(|judge| judge.is_egret_judging()) {
                aim(&mut aims, &self.samples, kind.name, *judge, C, OF_C);
            }
            aim(&mut aims, &self.samples, kind.name, Enforce100k, Enforce, OF_FEW_RULES);
        }
        for judge in self.judges.iter().filter(|judge| judge.is_egret_judging()) {
            aim(&mut aims, &self.samples, "udp-veth", *judge, Conntrack, OF_CONNTRACK);
        }
        aims
    }
}

fn aim(aims: &mut Aims, samples: &Samples, load: &'static str, judge: Judge, to: Judge, share: f64) {
    let Some(relative) = samples.relative(load, judge, to) else { return };
    let what = format!("`{load}`: {} relative to {}", judge.name(), to.name());
    aims.add(&what, &format!("at least {share:.2}"), &ratio(relative), relative.median >= share);
}

/// With a capital letter.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
