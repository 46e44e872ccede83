//! Variables and annotations that dashboards share.

use serde_json::{Value, json};

use super::target::{DUCKDB, PROMETHEUS};

/// The variables of these names, after those that select data sources.
pub(super) fn variables(names: &[String]) -> Vec<Value> {
    let over_log = names.iter().any(|name| name == "log");
    let source =
        if over_log { datasource("duckdb", "Log", DUCKDB) } else { datasource(PROMETHEUS, "Metrics", PROMETHEUS) };
    let traces = datasource("traces", "Traces", "tempo");
    [source, traces].into_iter().chain(names.iter().map(|name| variable(name))).collect()
}

fn datasource(name: &str, label: &str, kind: &str) -> Value {
    json!({
        "type": "datasource", "name": name, "label": label, "query": kind, "refresh": 1, "regex": "",
        "hide": 0, "includeAll": false, "multi": false, "skipUrlSync": false, "options": [], "current": { "text": "", "value": "" },
    })
}

fn variable(name: &str) -> Value {
    match name {
        "instance" => label_values("instance", "Host", "label_values(egret_build_info, instance)"),
        "executable" => {
            let query = r#"label_values(egret_connections_total{instance=~"$instance"}, executable)"#;
            label_values("executable", "Program", query)
        }
        "scope" => scope(),
        "log" => text("log", "Log directory", "/var/lib/egret/log"),
        "executable_text" => text("executable", "Program contains", ""),
        "peer_text" => text("peer", "Peer contains", ""),
        other => panic!("no variable {other}"),
    }
}

/// A variable with the values of a label, all of them selected at first.
fn label_values(name: &str, label: &str, query: &str) -> Value {
    json!({
        "type": "query", "name": name, "label": label,
        "datasource": { "type": PROMETHEUS, "uid": "${prometheus}" },
        "query": { "query": query, "refId": "variable", "qryType": 1 },
        "refresh": 2, "regex": "", "sort": 1, "hide": 0, "skipUrlSync": false,
        "includeAll": true, "multi": true, "allValue": ".*",
        "current": { "text": ["All"], "value": ["$__all"], "selected": true }, "options": [],
    })
}

/// A variable that includes or excludes loopback.
fn scope() -> Value {
    let options = [("left out", "network"), ("shown", ".*")];
    let query: Vec<String> = options.iter().map(|(text, value)| format!("{text} : {value}")).collect();
    let option = |(text, value): (&str, &str)| json!({ "text": text, "value": value, "selected": value == "network" });
    json!({
        "type": "custom", "name": "scope", "label": "Loopback", "query": query.join(", "),
        "hide": 0, "skipUrlSync": false, "includeAll": false, "multi": false,
        "current": option(options[0]), "options": options.map(option),
    })
}

fn text(name: &str, label: &str, value: &str) -> Value {
    let chosen = json!({ "text": value, "value": value, "selected": true });
    json!({
        "type": "textbox", "name": name, "label": label, "query": value,
        "hide": 0, "skipUrlSync": false, "current": chosen.clone(), "options": [chosen],
    })
}

/// An annotation.
pub(super) fn annotation(name: &str) -> Value {
    let (title, color, expr, text) = match name {
        "mode" => (
            "Changes of mode",
            "blue",
            r#"changes(egret_mode_since_timestamp_seconds{instance=~"$instance"}[1m]) > 0"#,
            "the mode changed",
        ),
        "fallback" => (
            "Fallbacks",
            "red",
            r#"increase(egret_fallbacks_total{instance=~"$instance"}[1m]) > 0"#,
            "fell back: {{reason}}",
        ),
        other => panic!("no annotation {other}"),
    };
    json!({
        "name": title,
        "datasource": { "type": PROMETHEUS, "uid": "${prometheus}" },
        "enable": true,
        "hide": false,
        "iconColor": color,
        "titleFormat": "{{instance}}",
        "textFormat": text,
        "target": { "refId": "Anno", "expr": expr, "interval": "60s", "range": true },
    })
}
