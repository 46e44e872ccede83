//! The data of every panel from a real Prometheus and a real log, with a real daemon under traffic.

mod answers;
mod enforcing;
mod prometheus;
mod scene;
mod sql;

use egret_tests::{needing, needing_python, test};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::checks::dashboards::{dashboards, panels};
use crate::source::sources;
pub(crate) use answers::for_drawing;
use answers::{Answers, Wanted};
use enforcing::can_switch;
pub(crate) use enforcing::{MET, has_mode, rehearse_and_enforce};
pub(crate) use scene::Scene;

pub(crate) fn trials() -> Vec<Trial> {
    let live = |name: &str, body: fn()| needing("prometheus", needing("dnsmasq", needing_python(test(name, body))));
    let enforced = live("live::every_panel_has_data_while_enforcing", enforced);
    vec![live("live::panels_have_data_while_observing", observed), can_switch(enforced)]
}

fn observed() {
    let scene = Scene::start();
    scene.traffic();
    let wanted = wanted(&[]);
    scene.until_answered(&wanted);
    broken(&scene);
    scene.finish();
}

fn enforced() {
    let scene = Scene::start();
    rehearse_and_enforce(&scene);
    scene.until_answered(&wanted(&MET));
    scene.finish();
}

/// The dashboards, with the panels that must have data if these needs are met.
pub(crate) fn wanted(met: &[&str]) -> Vec<Wanted> {
    let sources = sources();
    let made = dashboards().into_iter().map(|(name, dashboard)| {
        let (_, source) = sources.iter().find(|(known, _)| *known == name).unwrap();
        let needs: Vec<Option<String>> = source.panels().map(|(_, needs)| needs.map(str::to_owned)).collect();
        let with_data = panels(&dashboard)
            .zip(needs)
            .filter(|(_, needs)| needs.as_deref().is_none_or(|needs| met.contains(&needs)))
            .map(|(panel, _)| panel["id"].clone())
            .collect();
        Wanted { name, dashboard, with_data }
    });
    made.collect()
}

/// The same check reports broken dashboards.
fn broken(scene: &Scene) {
    let mut overview = wanted(&[]).into_iter().find(|wanted| wanted.name == "overview").unwrap();
    let mut log = wanted(&[]).into_iter().find(|wanted| wanted.name == "log").unwrap();
    replace(
        &mut overview.dashboard,
        "Failures by error",
        "expr",
        "sum by (error_type) (rate(egret_failures_total[15s]))",
    );
    replace(&mut overview.dashboard, "Bytes", "expr", "sum by (direction) (rate(egret_bytes_total[15s])");
    replace(&mut log.dashboard, "Peers", "rawSql", "SELECT peer FROM read_parquet('${log:raw}/**/*.parquet')");
    let problems = [scene.answers(&overview), scene.answers(&log)].map(|answers: Answers| answers.problems.join("\n"));
    assert!(problems[0].contains("Failures by error, A: no data"), "{}", problems[0]);
    assert!(problems[0].contains("Bytes, A: ") && problems[0].contains("parse error"), "{}", problems[0]);
    assert!(problems[1].contains("Peers, A: ") && problems[1].contains("\"peer\" not found"), "{}", problems[1]);
    assert_eq!(problems[0].lines().count(), 2, "{}", problems[0]);
}

fn replace(dashboard: &mut Value, title: &str, key: &str, query: &str) {
    let panels = dashboard["panels"].as_array_mut().unwrap();
    let panel = panels.iter_mut().find(|panel| panel["title"] == title).unwrap();
    panel["targets"][0][key] = json!(query);
}
