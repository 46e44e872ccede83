//! The queries of a panel.

use serde_json::{Value, json};

use super::{Kind, Panel, Query};

pub(super) const PROMETHEUS: &str = "prometheus";
/// The plugin of the dashboard over the log.
pub(super) const DUCKDB: &str = "motherduck-duckdb-datasource";

/// All files of the log, including those that lack newer columns.
const ALL: &str = "read_parquet('${log:raw}/**/*.parquet', hive_partitioning = true, union_by_name = true) \
WHERE contains(coalesce(process_executable_path, ''), ${executable:sqlstring}) \
AND contains(concat_ws(' ', server_address, network_peer_address), ${peer:sqlstring}) \
AND (${scope:sqlstring} <> 'network' OR NOT regexp_matches(coalesce(network_peer_address, network_local_address, ''), \
'^(127[.]|::1$|::ffff:127[.])'))";
/// The selected time range. The partition is selected as well, so that files of other days are not opened.
const WITHIN: &str = "AND date BETWEEN CAST(make_timestamp(${__from:raw} * 1000) AS DATE) AND CAST(make_timestamp(${__to:raw} * 1000) AS DATE) \
AND {ms} BETWEEN ${__from:raw} AND ${__to:raw}";
/// The time in UTC. DuckDB 2 has a separate type for nanoseconds with a time zone, which few functions support, and
/// some functions on time zones need extensions.
const AT: &str = "make_timestamp(epoch_us(CAST(timestamp AS TIMESTAMPTZ)))";
/// The same in Unix time, milliseconds.
const MS: &str = "epoch_ms(CAST(timestamp AS TIMESTAMPTZ))";
/// The interval to which a record belongs.
const TIME: &str = "make_timestamp({ms} // ${__interval_ms:raw} * ${__interval_ms:raw} * 1000)";

/// `A`, `B`, ...
pub(super) fn references() -> impl Iterator<Item = char> {
    'A'..='Z'
}

/// The data source of a panel, by variable, so that any data source of the type can be used.
pub(super) fn datasource(panel: &Panel) -> Value {
    if panel.query.iter().any(|query| query.sql.is_some()) {
        json!({ "type": DUCKDB, "uid": "${duckdb}" })
    } else {
        json!({ "type": PROMETHEUS, "uid": "${prometheus}" })
    }
}

pub(super) fn targets(panel: &Panel) -> Vec<Value> {
    let targets = references().zip(&panel.query);
    targets.map(|(reference, query)| target(panel, query, &reference.to_string())).collect()
}

fn target(panel: &Panel, query: &Query, reference: &str) -> Value {
    let datasource = datasource(panel);
    match (&query.expr, &query.sql) {
        (Some(expr), None) => {
            let instant = is_instant(panel, expr);
            json!({
                "refId": reference,
                "datasource": datasource,
                "editorMode": "code",
                "expr": if panel.stacked { without_zeros(&counted(expr)) } else { counted(expr) },
                "legendFormat": query.legend.as_deref().unwrap_or("__auto"),
                "format": if panel.r#type == Kind::Table { "table" } else { "time_series" },
                "instant": instant,
                "range": !instant,
            })
        }
        (None, Some(sql)) => json!({
            "refId": reference,
            "datasource": datasource,
            "editorMode": "code",
            "rawQuery": true,
            "rawSql": expanded(sql),
            "format": if panel.r#type == Kind::Timeseries { "time_series" } else { "table" },
        }),
        _ => panic!("{}: a query is either expr or sql", panel.title),
    }
}

/// Whether a query is about the end of the time range only.
fn is_instant(panel: &Panel, expr: &str) -> bool {
    match panel.r#type {
        Kind::Table | Kind::Bargauge => true,
        Kind::Stat => {
            expr.contains("$__range") || expr.contains("counted(") || panel.set["options"]["graphMode"] == "none"
        }
        Kind::Timeseries | Kind::StateTimeline => false,
    }
}

/// Whether a query counts by interval.
pub(super) fn counts_by_interval(expr: &str) -> bool {
    expr.contains("[$__interval]")
}

/// Omits zero series, which a stack would draw as a line along its top.
fn without_zeros(expr: &str) -> String {
    format!("({expr}) > 0")
}

/// Expands `counted(SELECTOR)` to the increase of counters in the selected time range. `increase` alone omits the
/// first value of a series, and the series of a program or peer starts with its first count.
fn counted(expr: &str) -> String {
    let Some((before, rest)) = expr.split_once("counted(") else { return expr.to_owned() };
    let (selector, after) = rest.split_once(')').unwrap();
    let increase = format!("increase({selector}[$__range])");
    let began = format!("min_over_time({selector}[$__range]) unless {selector} offset $__range");
    format!("{before}({increase} + (({began}) or 0 * {increase})){}", counted(after))
}

fn expanded(sql: &str) -> String {
    let events = format!("{ALL} {WITHIN}");
    let made = sql.trim().replace("{events}", &events).replace("{all}", ALL).replace("{time}", TIME);
    made.replace("{ms}", MS).replace("{at}", AT)
}
