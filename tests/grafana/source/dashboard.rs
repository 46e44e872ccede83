//! Converts a source to a dashboard.

use serde_json::{Value, json};

use super::panel::panel;
use super::{Source, links, variables};

/// Columns of a dashboard.
const WIDTH: u32 = 24;
/// The schema of Grafana 11.0; later versions migrate older dashboards.
const SCHEMA_VERSION: u32 = 39;

/// The JSON that Grafana reads.
pub(crate) fn dashboard(source: &Source) -> Value {
    json!({
        "uid": source.uid,
        "title": source.title,
        "description": source.text,
        "tags": ["egret"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": { "from": source.range, "to": "now" },
        "timepicker": {},
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "links": [links::to_the_others()],
        "annotations": { "list": source.annotations.iter().map(|name| variables::annotation(name)).collect::<Vec<_>>() },
        "templating": { "list": variables::variables(&source.variables) },
        "panels": panels(source),
    })
}

/// Places rows from top to bottom and panels from left to right; a line is as high as its highest panel.
fn panels(source: &Source) -> Vec<Value> {
    let mut made = Vec::new();
    let mut y = 0;
    for row in &source.row {
        made.push(json!({
            "id": made.len() + 1,
            "type": "row",
            "title": row.title,
            "collapsed": false,
            "gridPos": { "x": 0, "y": y, "w": WIDTH, "h": 1 },
            "panels": [],
        }));
        y += 1;
        let (mut x, mut height) = (0, 0);
        for one in &row.panel {
            if x + one.width > WIDTH {
                (x, y, height) = (0, y + height, 0);
            }
            let place = json!({ "x": x, "y": y, "w": one.width, "h": one.height });
            made.push(panel(one, made.len() + 1, &place));
            (x, height) = (x + one.width, height.max(one.height));
        }
        y += height;
    }
    made
}
