//! Static checks of dashboards and alerts.

mod alerts;
mod catalogue;
pub(crate) mod dashboards;
mod documents;
mod promql;
mod provisioning;

use libtest_mimic::Trial;

use crate::source;

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, body: fn()| {
        Trial::test(format!("checks::{name}"), move || {
            body();
            Ok(())
        })
    };
    let mut trials = vec![
        trial("dashboards_are_up_to_date", source::dashboards_are_up_to_date),
        trial("metric_names_in_promql_are_parsed", promql::parses_names),
        trial("dashboards_use_only_served_metrics", dashboards::use_only_served_metrics),
        trial("broken_dashboard_is_reported", dashboards::broken_one_is_reported),
        trial("every_panel_has_a_description", dashboards::have_descriptions),
        trial("dashboards_follow_the_layout_rules", dashboards::follow_the_layout_rules),
        trial("links_have_existing_targets", dashboards::links_have_targets),
        trial("alerts_use_only_served_metrics", alerts::use_only_served_metrics),
        trial("every_alert_is_described", alerts::are_described),
        trial("documents_use_only_served_metrics", documents::use_only_served_metrics),
        trial("every_metric_is_described", documents::describe_every_metric),
        trial("every_dashboard_has_a_section_and_a_picture", documents::have_every_dashboard),
        trial("provisioning_matches_the_dashboards", provisioning::matches_the_dashboards),
    ];
    let promtool = |name: &str, body: fn()| egret_tests::needing("promtool", trial(name, body));
    trials.push(promtool("promtool_accepts_the_alerts", alerts::are_accepted));
    trials.push(promtool("alerts_fire_when_they_should", alerts::fire));
    trials
}
