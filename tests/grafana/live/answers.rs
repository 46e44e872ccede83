//! Answers to the queries of a dashboard.

use serde_json::{Map, Value, json};

use super::prometheus::Prometheus;
use super::sql::Log;
use crate::checks::dashboards::panels;
use crate::substitution::substituted;

/// A dashboard, and the ids of the panels that must have data.
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) dashboard: Value,
    pub(crate) with_data: Vec<Value>,
}

/// The answers by panel and query, and their problems.
pub(crate) struct Answers {
    pub(crate) by_panel: Map<String, Value>,
    pub(crate) problems: Vec<String>,
    /// Whether more traffic cannot resolve one of the problems.
    pub(crate) hopeless: bool,
}

/// Runs every query that Grafana would run to draw the dashboard.
pub(crate) fn answers(wanted: &Wanted, prometheus: &Prometheus, log: &Log) -> Answers {
    let mut made = Answers { by_panel: Map::new(), problems: Vec::new(), hopeless: false };
    // The queries of a table are joined by time.
    let [_, end] = prometheus.times();
    let statements = log.answers(&wanted.dashboard);
    for panel in panels(&wanted.dashboard) {
        let mut answers = Map::new();
        for target in panel["targets"].as_array().unwrap() {
            let reference = target["refId"].as_str().unwrap();
            let answer = match target["expr"].as_str() {
                Some(expr) if target["instant"] == true => prometheus.at(end, &substituted(expr)),
                Some(expr) => prometheus.over_time(&substituted(expr), step(expr)),
                None => statements[format!("{}{reference}", panel["id"])].clone(),
            };
            made.hopeless |= answer["error"].is_string();
            let must = wanted.with_data.contains(&panel["id"]);
            let wrong = match answer["error"].as_str() {
                Some(error) => Some(error.to_owned()),
                None if must && is_empty(&answer) => Some("no data".to_owned()),
                None => None,
            };
            let at = format!("{}: {}, {reference}", wanted.name, panel["title"].as_str().unwrap());
            made.problems.extend(wrong.map(|wrong| format!("{at}: {wrong}")));
            answers.insert(reference.to_owned(), answer);
        }
        made.by_panel.insert(panel["id"].to_string(), Value::Object(answers));
    }
    made
}

/// Seconds between the points of a graph: counts by interval use that interval.
fn step(expr: &str) -> u64 {
    if expr.contains("[$__interval]") { 15 } else { 1 }
}

/// Whether an answer has no values to draw. NaN is no value.
fn is_empty(answer: &Value) -> bool {
    if let Some(rows) = answer["rows"].as_array() {
        return rows.is_empty();
    }
    let series = answer["result"].as_array().unwrap();
    let is_number = |value: &Value| value[1].as_str().is_some_and(|number| number != "NaN");
    let has_number = |one: &Value| {
        one["values"].as_array().map_or_else(|| is_number(&one["value"]), |values| values.iter().any(is_number))
    };
    !series.iter().any(has_number)
}

/// Input of the drawing program.
pub(crate) fn for_drawing(wanted: &Wanted, answers: &Answers, times: [u64; 2]) -> Value {
    let mut dashboard = wanted.dashboard.clone();
    for variable in dashboard["templating"]["list"].as_array_mut().unwrap() {
        if variable["name"] == "scope" {
            variable["current"] = variable["options"][1].clone();
        }
    }
    json!({
        "name": wanted.name,
        "dashboard": dashboard,
        "withData": wanted.with_data,
        "answers": answers.by_panel,
        "from": times[0],
        "to": times[1],
    })
}
