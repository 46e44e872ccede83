//! Links between dashboards.

use serde::Deserialize;
use serde_json::{Value, json};

/// An entity that is followed from one dashboard to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Subject {
    Executable,
    Peer,
    Connection,
}

/// Keeps the time range and the hosts.
const KEPT: &str = "${__url_time_range}&${instance:queryparam}";

/// The title of a dashboard, in links to it.
fn title(uid: &str) -> &'static str {
    match uid {
        "egret-overview" => "Overview",
        "egret-ready" => "Ready to enforce",
        "egret-enforcement" => "Enforcement",
        "egret-itself" => "egret itself",
        "egret-log" => "Log",
        other => panic!("no dashboard {other}"),
    }
}

/// The menu of dashboards.
pub(super) fn to_the_others() -> Value {
    json!({
        "type": "dashboards",
        "title": "egret",
        "tags": ["egret"],
        "asDropdown": false,
        "keepTime": true,
        "includeVars": true,
        "targetBlank": false,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    })
}

/// A link in a panel's title.
pub(super) fn to(uid: &str) -> Value {
    let url = if uid == "egret-log" { format!("/d/{uid}?${{__url_time_range}}") } else { format!("/d/{uid}?{KEPT}") };
    let title = title(uid);
    json!({
        "type": "link", "title": title, "url": url, "targetBlank": false,
        "asDropdown": false, "icon": "external link", "includeVars": false, "keepTime": false, "tags": [], "tooltip": "",
    })
}

impl Subject {
    /// The label of metrics and the column of tables.
    pub(super) fn column(self) -> &'static str {
        match self {
            Self::Executable => "executable",
            Self::Peer => "peer",
            Self::Connection => "connection",
        }
    }

    /// TraceQL for its traces: docs/otlp.md lists the attributes of spans.
    fn traces(self, value: &str) -> String {
        match self {
            Self::Executable => format!(r#"{{ span.process.executable.path = "{value}" }}"#),
            Self::Peer => format!(r#"{{ span.server.address = "{value}" || span.network.peer.address = "{value}" }}"#),
            Self::Connection => format!(r#"{{ span.connection.id = "{value}" }}"#),
        }
    }

    fn links(self, value: &str) -> Value {
        // Includes loopback: the selected program or peer may have loopback traffic only.
        let log = |variable: &str| {
            let url = format!("/d/egret-log?${{__url_time_range}}&var-scope=.%2A&var-{variable}={value}");
            json!({ "title": "Its records in the log", "url": url })
        };
        let traces = json!({ "title": "Its traces", "url": explore(&self.traces(value)), "targetBlank": true });
        match self {
            Self::Executable => {
                let url = format!("/d/egret-overview?{KEPT}&var-scope=.%2A&var-executable={value}");
                json!([{ "title": "This program alone", "url": url }, log("executable"), traces])
            }
            Self::Peer => json!([log("peer"), traces]),
            Self::Connection => json!([traces]),
        }
    }
}

/// A link in a table cell.
pub(super) fn of_cell(subject: Subject) -> Value {
    subject.links("${__value.raw:percentencode}")
}

/// A link on a series or a bar.
pub(super) fn of_label(subject: Subject) -> Value {
    subject.links(&format!("${{__field.labels.{}:percentencode}}", subject.column()))
}

/// Explore, with a query for a Tempo datasource.
fn explore(traceql: &str) -> String {
    let panes = json!({ "egret": {
        "datasource": "${traces}",
        "queries": [{ "refId": "A", "datasource": { "type": "tempo", "uid": "${traces}" }, "queryType": "traceql", "query": traceql, "limit": 20 }],
        "range": { "from": "${__from}", "to": "${__to}" },
    }});
    format!("/explore?schemaVersion=1&panes={}", percent_encoded(&panes.to_string()))
}

/// Percent-encodes all but variables, which Grafana substitutes later.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    let mut in_variable = false;
    let mut rest = text.chars().peekable();
    while let Some(one) = rest.next() {
        in_variable |= one == '$' && rest.peek() == Some(&'{');
        if in_variable || one.is_ascii_alphanumeric() || "-._~".contains(one) {
            encoded.push(one);
        } else {
            encoded.extend(one.to_string().bytes().map(|byte| format!("%{byte:02X}")));
        }
        in_variable &= one != '}';
    }
    encoded
}
