//! Substitutes variables as Grafana does before a query.

use std::collections::BTreeMap;

/// Values of the PromQL variables: all hosts, all programs, and a time range for short tests.
const PROMQL: [(&str, &str); 7] = [
    ("$__rate_interval", "15s"),
    ("$__interval", "15s"),
    ("$__range", "15m"),
    ("$instance", ".*"),
    ("$executable", ".*"),
    // Tests have loopback only.
    ("$scope", ".*"),
    ("$prometheus", "prometheus"),
];

/// The expression that Prometheus gets.
pub(crate) fn substituted(expression: &str) -> String {
    let made = PROMQL.iter().fold(expression.to_owned(), |made, (name, value)| made.replace(name, value));
    assert!(!made.contains('$'), "an unknown variable: {made}");
    made
}

/// The statement that DuckDB gets.
pub(crate) fn substituted_in_sql(sql: &str, values: &BTreeMap<&str, String>) -> String {
    let made = values.iter().fold(sql.to_owned(), |made, (name, value)| {
        let quoted = format!("'{}'", value.replace('\'', "''"));
        made.replace(&format!("${{{name}:raw}}"), value).replace(&format!("${{{name}:sqlstring}}"), &quoted)
    });
    assert!(!made.contains("${"), "an unknown variable: {made}");
    made
}
