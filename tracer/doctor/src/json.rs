//! The report as JSON.

use egret_model::Degradation;
use serde::Serialize;

use super::check::Check;
use super::enforcing::Enforcing;
use super::report::{LAYERS, Report};

#[derive(Serialize)]
struct Document<'a> {
    egret_version: &'static str,
    kernel_release: &'a str,
    checks: &'a [Check],
    layers: Vec<LayerState>,
    degradations: Vec<Explained>,
    enforcing: &'a Enforcing,
}

#[derive(Serialize)]
struct LayerState {
    name: &'static str,
    available: bool,
    chosen: bool,
}

#[derive(Serialize)]
struct Explained {
    name: &'static str,
    consequence: &'static str,
    remedy: &'static str,
}

pub(super) fn render(report: &Report) -> serde_json::Result<String> {
    let explain = |degradation: Degradation| Explained {
        name: degradation.as_str(),
        consequence: degradation.consequence(),
        remedy: degradation.remedy(),
    };
    let state = |layer| LayerState {
        name: egret_model::Layer::as_str(layer),
        available: report.is_available(layer),
        chosen: layer == report.chosen(),
    };
    let document = Document {
        egret_version: env!("CARGO_PKG_VERSION"),
        kernel_release: &report.release,
        checks: &report.checks,
        layers: LAYERS.into_iter().map(state).collect(),
        degradations: report.degradations().into_iter().map(explain).collect(),
        enforcing: &report.enforcing,
    };
    serde_json::to_string(&document).map(|line| line + "\n")
}
