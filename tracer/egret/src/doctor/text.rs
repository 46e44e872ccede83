//! The report for people: layer by layer, a line a check, and below what is not well what that means.

use std::fmt::Write as _;

use egret_model::{Degradation, Layer};

use super::check::Check;
use super::report::{LAYERS, Report};

/// Width of the status and of the name, columns: as wide as the longest.
const STATUS: usize = 11;
const NAME: usize = 26;

/// The whole report.
pub(super) fn render(report: &Report) -> String {
    let mut out = format!("egret {} on Linux {}\n", env!("CARGO_PKG_VERSION"), report.release);
    let mut told = Vec::new();
    out.push_str("\nboth kernel layers\n");
    checks(&mut out, report, None, &mut told);
    for layer in LAYERS {
        let state = match layer {
            _ if layer == report.chosen() => "chosen",
            _ if report.is_available(layer) => "available",
            _ => "not available",
        };
        // Writing to a string does not fail.
        let _ = writeln!(out, "\n{}: {state}", layer.as_str());
        checks(&mut out, report, Some(layer), &mut told);
    }
    let _ = writeln!(out, "\n--capture auto takes {}", report.chosen().as_str());
    for degradation in report.degradations().into_iter().filter(|degradation| !told.contains(degradation)) {
        explain(&mut out, degradation);
    }
    if !report.enforcing.checks.is_empty() {
        out.push_str("\nlearn, shadow and enforce\n");
        report.enforcing.checks.iter().for_each(|check| line(&mut out, check));
    }
    out
}

/// The checks of a layer. What is told about a degradation is told once.
fn checks(out: &mut String, report: &Report, layer: Option<Layer>, told: &mut Vec<Degradation>) {
    for check in report.checks.iter().filter(|check| check.layer == layer) {
        line(out, check);
        if let Some(degradation) = check.degradation.filter(|degradation| !told.contains(degradation)) {
            told.push(degradation);
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
