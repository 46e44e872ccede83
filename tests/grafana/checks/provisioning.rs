//! Files that Grafana reads at its start.

use crate::source::{files, grafana};

use super::dashboards::dashboards;

/// Provisions a data source of every type that dashboards use, and the folder of the dashboards.
pub(super) fn matches_the_dashboards() {
    let provisioning = grafana().join("provisioning");
    let datasources: String =
        files(&provisioning.join("datasources"), "yml").into_iter().map(|(_, text)| text).collect();
    for (name, dashboard) in dashboards() {
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        for variable in variables.iter().filter(|variable| variable["type"] == "datasource") {
            let kind = variable["query"].as_str().unwrap();
            assert!(datasources.contains(&format!("type: {kind}\n")), "{name}: no datasource of type {kind}");
        }
    }
    let providers: String = files(&provisioning.join("dashboards"), "yml").into_iter().map(|(_, text)| text).collect();
    assert!(providers.contains("path: /etc/grafana/dashboards/egret"), "{providers}");
}
