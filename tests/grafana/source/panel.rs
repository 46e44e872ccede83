//! A panel of a dashboard.

use serde_json::{Value, json};

use super::{Kind, Panel, links, target};

/// The JSON of a panel at its position.
pub(super) fn panel(panel: &Panel, id: usize, place: &Value) -> Value {
    let mut made = json!({
        "id": id,
        "type": kind(panel.r#type),
        "title": panel.title,
        "description": panel.text,
        "datasource": target::datasource(panel),
        "gridPos": place,
        "links": panel.to.iter().map(|uid| links::to(uid)).collect::<Vec<_>>(),
        "targets": target::targets(panel),
        "fieldConfig": { "defaults": defaults(panel), "overrides": overrides(panel) },
        "options": options(panel),
        "transformations": transformations(panel),
    });
    if counts_by_interval(panel) {
        merge(&mut made, &json!({ "interval": SHORTEST_INTERVAL, "fieldConfig": { "defaults": { "decimals": 0 } } }));
    }
    merge(&mut made, &panel.set);
    made
}

/// The shortest interval for counts: it holds several scrapes.
const SHORTEST_INTERVAL: &str = "1m";

fn counts_by_interval(panel: &Panel) -> bool {
    panel.query.iter().any(|query| query.expr.as_deref().is_some_and(target::counts_by_interval))
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Stat => "stat",
        Kind::Timeseries => "timeseries",
        Kind::Bargauge => "bargauge",
        Kind::Table => "table",
        Kind::StateTimeline => "state-timeline",
    }
}

fn defaults(panel: &Panel) -> Value {
    let color = match panel.r#type {
        Kind::Stat if panel.threshold.is_none() => json!({ "mode": "fixed", "fixedColor": "text" }),
        Kind::Stat | Kind::Table => json!({ "mode": "thresholds" }),
        Kind::Timeseries => json!({ "mode": "palette-classic" }),
        Kind::StateTimeline => json!({ "mode": "fixed" }),
        Kind::Bargauge => json!({ "mode": "fixed", "fixedColor": "blue" }),
    };
    let mut made = json!({ "color": color, "mappings": [], "thresholds": thresholds(panel), "custom": custom(panel) });
    if let Some(unit) = panel.unit.as_deref() {
        merge(&mut made, &json!({ "unit": unit }));
    }
    // Shares and rates are never negative, so that the axis starts at zero.
    if panel.r#type == Kind::Timeseries && panel.below_zero.is_none() {
        merge(&mut made, &json!({ "min": 0 }));
    }
    // Zeros are omitted from stacks, so that a stack may be empty.
    if panel.stacked {
        merge(&mut made, &json!({ "noValue": "none in this time" }));
    }
    if panel.r#type == Kind::Bargauge {
        merge(&mut made, &json!({ "min": 0, "decimals": 0 }));
    }
    if let Some(subject) = panel.follow.filter(|_| panel.r#type == Kind::Bargauge) {
        // Grafana names a single bar only with an explicit format.
        let name = format!("${{__field.labels.{}}}", subject.column());
        merge(&mut made, &json!({ "links": links::of_label(subject), "displayName": name }));
    }
    made
}

fn thresholds(panel: &Panel) -> Value {
    let steps = match panel.threshold {
        None => json!([{ "color": "green", "value": null }]),
        Some([low, high]) if panel.rising => json!([
            { "color": "red", "value": null },
            { "color": "yellow", "value": low },
            { "color": "green", "value": high },
        ]),
        Some([low, high]) => json!([
            { "color": "green", "value": null },
            { "color": "yellow", "value": low },
            { "color": "red", "value": high },
        ]),
    };
    json!({ "mode": "absolute", "steps": steps })
}

fn custom(panel: &Panel) -> Value {
    match panel.r#type {
        Kind::Timeseries => json!({
            "drawStyle": if panel.bars { "bars" } else { "line" },
            "lineInterpolation": if panel.stepped { "stepAfter" } else { "linear" },
            "lineWidth": 1,
            "fillOpacity": if panel.bars { 60 } else if panel.stacked { 30 } else { 10 },
            "showPoints": "never",
            "spanNulls": false,
            // Without it, the scale of an all-zero graph reaches 100.
            "axisSoftMax": match panel.unit.as_deref() { Some("percentunit") => 0.05, Some("s") => 0.001, _ => 1.0 },
            "stacking": { "group": "A", "mode": if panel.stacked { "normal" } else { "none" } },
        }),
        Kind::Table => json!({ "align": "auto", "cellOptions": { "type": "auto" }, "inspect": false }),
        Kind::StateTimeline => json!({ "lineWidth": 0, "fillOpacity": 70 }),
        Kind::Stat | Kind::Bargauge => json!({}),
    }
}

fn options(panel: &Panel) -> Value {
    let reduce = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
    match panel.r#type {
        Kind::Stat => json!({
            "reduceOptions": reduce,
            "colorMode": if panel.threshold.is_some() { "background" } else { "value" },
            "graphMode": "area",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "auto",
            "wideLayout": true,
            "showPercentChange": false,
            "percentChangeColorMode": "standard",
        }),
        Kind::Timeseries => json!({
            "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
            "tooltip": { "mode": "multi", "sort": "desc" },
        }),
        Kind::StateTimeline => json!({
            "mergeValues": true,
            "showValue": "auto",
            "alignValue": "left",
            "rowHeight": 0.9,
            "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
            "tooltip": { "mode": "single", "sort": "none" },
        }),
        Kind::Bargauge => json!({
            "reduceOptions": reduce,
            "displayMode": "basic",
            "orientation": "horizontal",
            "showUnfilled": true,
            "valueMode": "color",
            "namePlacement": "left",
            "sizing": "manual",
            "minVizWidth": 8,
            "minVizHeight": 16,
            "maxVizHeight": 32,
            "legend": { "displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": [] },
        }),
        Kind::Table => {
            let sorted = panel.sort.iter().map(|column| json!({ "displayName": column, "desc": true }));
            json!({
                "showHeader": true,
                "frameIndex": 0,
                "cellHeight": "sm",
                "footer": { "show": false, "countRows": false, "fields": [], "reducer": ["sum"] },
                "sortBy": sorted.collect::<Vec<_>>(),
            })
        }
    }
}

/// Units and links of columns; the series below zero.
fn overrides(panel: &Panel) -> Vec<Value> {
    let named = panel.query.iter().filter_map(|query| Some((query.name.as_ref()?, query.unit.as_ref()?)));
    let units = named.chain(&panel.units).map(|(column, unit)| of_column(column, "unit", &json!(unit)));
    let mut made: Vec<Value> = units.collect();
    let counted = panel.query.iter().filter(|query| query.unit.is_none()).filter_map(|query| query.name.as_ref());
    // `increase` extrapolates, so that counts have fractions.
    made.extend(counted.map(|column| of_column(column, "decimals", &json!(0))));
    if let Some(series) = &panel.below_zero {
        made.push(of_column(series, "custom.transform", &json!("negative-Y")));
    }
    if let Some(subject) = panel.follow.filter(|_| panel.r#type == Kind::Table) {
        made.push(of_column(subject.column(), "links", &links::of_cell(subject)));
    }
    made
}

fn of_column(column: &str, property: &str, value: &Value) -> Value {
    json!({
        "matcher": { "id": "byName", "options": column },
        "properties": [{ "id": property, "value": value }],
    })
}

/// Joins the answers of several PromQL queries into one table.
fn transformations(panel: &Panel) -> Vec<Value> {
    let names: Vec<_> = panel.query.iter().filter_map(|query| query.name.as_ref()).collect();
    if panel.r#type != Kind::Table || names.is_empty() {
        return Vec::new();
    }
    let mut renamed: serde_json::Map<String, Value> = target::references()
        .zip(&names)
        .map(|(reference, name)| (format!("Value #{reference}"), json!(name)))
        .collect();
    if let [name] = names[..] {
        renamed.insert("Value".to_owned(), json!(name));
    }
    let organize = json!({ "excludeByName": { "Time": true }, "renameByName": renamed });
    vec![json!({ "id": "merge", "options": {} }), json!({ "id": "organize", "options": organize })]
}

/// Merges objects; replaces all other values.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (into, from) => *into = from.clone(),
    }
}
