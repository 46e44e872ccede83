//! The dashboards' names, texts and links.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::catalogue::{between, problems};
use crate::source::{files, grafana};

/// Every dashboard by name.
pub(crate) fn dashboards() -> Vec<(String, Value)> {
    let files = files(&grafana().join("dashboards"), "json");
    assert!(!files.is_empty(), "no dashboards: EGRET_BLESS=1 writes them");
    files.into_iter().map(|(name, text)| (name, serde_json::from_str(&text).unwrap())).collect()
}

/// The panels of a dashboard, without rows.
pub(crate) fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Problems of the names in a dashboard.
fn wrong(dashboard: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for panel in panels(dashboard) {
        let queries = panel["targets"].as_array().unwrap().iter().filter(|target| target["expr"].is_string());
        for target in queries {
            let mut used = between(text(&target["legendFormat"]), "{{", &['}']);
            used.extend(between(&panel["fieldConfig"].to_string(), "__field.labels.", &[':', '}']));
            let problems = problems(text(&target["expr"]), &used);
            wrong.extend(problems.into_iter().map(|problem| format!("panel {}: {problem}", panel["title"])));
        }
    }
    for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
        let used = between(text(&annotation["textFormat"]), "{{", &['}']);
        let problems = problems(text(&annotation["target"]["expr"]), &used);
        wrong.extend(problems.into_iter().map(|problem| format!("annotation {}: {problem}", annotation["name"])));
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        let values =
            text(&variable["query"]["query"]).strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        if let Some((expression, label)) = values.and_then(|values| values.rsplit_once(',')) {
            let problems = problems(expression, &[label.trim().to_owned()]);
            wrong.extend(problems.into_iter().map(|problem| format!("variable {}: {problem}", variable["name"])));
        }
    }
    wrong
}

pub(super) fn use_only_served_metrics() {
    for (name, dashboard) in dashboards() {
        let wrong = wrong(&dashboard);
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    }
}

/// Each of these mistakes is reported, and nothing else.
pub(super) fn broken_one_is_reported() {
    let (_, whole) = dashboards().into_iter().find(|(name, _)| name == "overview").unwrap();
    let at =
        whole["panels"].as_array().unwrap().iter().position(|panel| panel["title"] == "Failures by error").unwrap();
    let broken = |expression: &str, legend: &str| {
        let mut broken = whole.clone();
        broken["panels"][at]["targets"][0]["expr"] = json!(expression);
        broken["panels"][at]["targets"][0]["legendFormat"] = json!(legend);
        wrong(&broken).join("; ")
    };
    let problem_of = |problem: &str| format!("panel \"Failures by error\": {problem}");
    assert_eq!(broken("egret_connections_total", "{{executable}}"), "");
    assert_eq!(broken("egret_conections_total", ""), problem_of("egret serves no egret_conections_total"));
    assert_eq!(broken("egret_tcp_rtt_seconds", ""), problem_of("egret serves no egret_tcp_rtt_seconds"));
    assert_eq!(
        broken(r#"egret_bytes_total{executeable="a"}"#, ""),
        problem_of("egret_bytes_total has no label executeable")
    );
    assert_eq!(broken("sum by (peer) (egret_bytes_total)", ""), problem_of("no metric here has a label peer"));
    assert_eq!(broken("egret_bytes_total", "{{sink}}"), problem_of("no metric here has a label sink"));
    assert_eq!(broken("vector(1)", ""), problem_of("no metric"));
}

pub(super) fn have_descriptions() {
    for (name, dashboard) in dashboards() {
        assert!(text(&dashboard["description"]).len() > 40, "{name}");
        let mut titles = BTreeSet::new();
        let mut row = "";
        for panel in dashboard["panels"].as_array().unwrap() {
            if panel["type"] == "row" {
                row = text(&panel["title"]);
                continue;
            }
            let title = text(&panel["title"]);
            assert!(text(&panel["description"]).len() > 40, "{name}, {title}: say what it shows and what to do");
            assert!(titles.insert((row, title)), "{name}: two panels {title} in one row");
        }
    }
}

/// Stacks omit zero series, which would draw a line along the top; rare events are shown as counts; loopback is off
/// by default.
pub(super) fn follow_the_layout_rules() {
    for (name, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            let title = text(&panel["title"]);
            let custom = &panel["fieldConfig"]["defaults"]["custom"];
            for target in panel["targets"].as_array().unwrap() {
                let expr = text(&target["expr"]);
                let stacks = custom["stacking"]["mode"] == "normal" && !expr.is_empty();
                assert!(!stacks || expr.ends_with("> 0"), "{name}, {title}: zeros in a stack");
                let by_scope = ["connections_total", "connection_failures_total", "bytes_total"];
                let names = by_scope.iter().any(|metric| expr.contains(&format!("egret_{metric}")));
                assert!(!names || expr.contains("scope=~\"$scope\""), "{name}, {title}: loopback is not left out");
            }
            let unit = text(&panel["fieldConfig"]["defaults"]["unit"]);
            assert_ne!(unit, "pps", "{name}, {title}: shows thousandths");
        }
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        for scope in variables.iter().filter(|variable| variable["name"] == "scope") {
            assert_eq!(scope["current"]["value"], "network", "{name}: loopback is left out at first");
        }
    }
}

/// Every link has a dashboard as its target, with the variables that it sets.
pub(super) fn links_have_targets() {
    let dashboards = dashboards();
    let mut led = BTreeSet::new();
    for (name, dashboard) in &dashboards {
        for link in between(&dashboard.to_string(), "/d/", &['"']) {
            let (uid, query) = link.split_once('?').unwrap_or((&link, ""));
            let target = dashboards.iter().find(|(_, target)| target["uid"] == uid);
            let Some((_, target)) = target else { panic!("{name}: no dashboard {uid}") };
            let variables = target["templating"]["list"].as_array().unwrap();
            for variable in between(query, "var-", &['=']) {
                assert!(variables.iter().any(|known| known["name"] == variable), "{name}: {uid} has no {variable}");
            }
            led.insert(uid.to_owned());
        }
    }
    assert_eq!(led.len() + 1, dashboards.len(), "each but \"ready to enforce\" is led to: {led:?}");
}
