//! Alert rules of Prometheus.

use std::process::Command;

use super::catalogue::{between, problems};
use crate::source::grafana;

/// The fields of an alert that are checked.
struct Alert {
    name: String,
    expression: String,
    text: String,
}

/// All alerts. Supports only the YAML forms that the file uses.
fn alerts() -> Vec<Alert> {
    let text = std::fs::read_to_string(grafana().join("alerts/egret.yml")).unwrap();
    let rules = text.split("- alert: ").skip(1);
    rules
        .map(|rule| {
            let (name, rest) = rule.split_once('\n').unwrap();
            let (_, after) = rest.split_once("expr: ").unwrap();
            let end = ["\n        for:", "\n        labels:"].iter().filter_map(|key| after.find(key)).min().unwrap();
            let expression = after[..end].trim_start_matches('|').to_owned();
            Alert { name: name.to_owned(), expression, text: after[end..].to_owned() }
        })
        .collect()
}

pub(super) fn use_only_served_metrics() {
    let alerts = alerts();
    assert!(alerts.len() > 10);
    for alert in alerts {
        let used = between(&alert.text, "$labels.", &[' ', '}']);
        let problems = problems(&alert.expression, &used);
        assert!(problems.is_empty(), "{}: {problems:#?}", alert.name);
    }
}

/// Each alert has a summary, a remedy, a test, and a line in the page.
pub(super) fn are_described() {
    let tests = std::fs::read_to_string(grafana().join("alerts/tests/egret.yml")).unwrap();
    let page = std::fs::read_to_string(grafana().join("../docs/alerts.md")).unwrap();
    for Alert { name, text, .. } in alerts() {
        for word in ["severity: ", "summary: ", "description: "] {
            assert!(text.contains(word), "{name} has no {word}");
        }
        assert!(tests.contains(&format!("alertname: {name}\n")), "{name} has no test");
        assert!(page.contains(&format!("| `{name}` |")), "{name} is not in docs/alerts.md");
    }
}

pub(super) fn are_accepted() {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal", "egret.yml"]);
}

pub(super) fn fire() {
    promtool(&["test", "rules", "tests/egret.yml"]);
}

fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool").args(arguments).current_dir(grafana().join("alerts")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
