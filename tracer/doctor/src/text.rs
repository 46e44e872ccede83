//! The report as text: layer by layer, one line a check, with the consequence below a check that is not ok.

use std::fmt::Write as _;

use egret_model::{Degradation, Layer};

use super::check::Check;
use super::report::{LAYERS, Report};

/// Widths of the columns: those of the longest status and name.
const STATUS: usize = 11;
const NAME: usize = 26;

pub(super) fn render(report: &Report) -> String {
    let mut out = format!("egret {} on Linux {}\n", env!("CARGO_PKG_VERSION"), report.release);
    let mut explained = Vec::new();
    out.push_str("\nboth kernel layers\n");
    checks(&mut out, report, None, &mut explained);
    for layer in LAYERS {
        let state = match layer {
            _ if layer == report.chosen() => "chosen",
            _ if report.is_available(layer) => "available",
            _ => "not available",
        };
        // Writing to a string does not fail.
        let _ = writeln!(out, "\n{}: {state}", layer.as_str());
        checks(&mut out, report, Some(layer), &mut explained);
    }
    let _ = writeln!(out, "\n--capture auto takes {}", report.chosen().as_str());
    for degradation in report.degradations().into_iter().filter(|degradation| !explained.contains(degradation)) {
        explain(&mut out, degradation);
    }
    if !report.enforcing.checks.is_empty() {
        out.push_str("\nlearn, shadow and enforce\n");
        report.enforcing.checks.iter().for_each(|check| line(&mut out, check));
    }
    out
}

/// The checks of a layer. Each degradation is explained once.
fn checks(out: &mut String, report: &Report, layer: Option<Layer>, explained: &mut Vec<Degradation>) {
    for check in report.checks.iter().filter(|check| check.layer == layer) {
        line(out, check);
        if let Some(degradation) = check.degradation.filter(|degradation| !explained.contains(degradation)) {
            explained.push(degradation);
            explain(out, degradation);
        }
    }
}

fn line(out: &mut String, check: &Check) {
    let _ = writeln!(out, "  {:STATUS$}  {:NAME$}  {}", check.status.as_str(), check.name, check.detail);
}

fn explain(out: &mut String, degradation: Degradation) {
    let indent = STATUS + 4;
    let _ = writeln!(out, "{:indent$}{}", "", degradation.as_str());
    let _ = writeln!(out, "{:indent$}lost: {}", "", degradation.consequence());
    let _ = writeln!(out, "{:indent$}do:   {}", "", degradation.remedy());
}
