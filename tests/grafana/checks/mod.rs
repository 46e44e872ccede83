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
        trial("metric_names_in_promql_are_parsed", promql::reads_names),
        trial("dashboards_use_only_served_metrics", dashboards::name_what_egret_serves),
        trial("broken_dashboard_is_reported", dashboards::a_broken_one_is_found),
        trial("every_panel_has_a_description", dashboards::say_what_they_show),
        trial("dashboards_follow_the_layout_rules", dashboards::read_at_a_glance),
        trial("links_have_existing_targets", dashboards::lead_somewhere),
        trial("alerts_use_only_served_metrics", alerts::name_what_egret_serves),
        trial("every_alert_is_described", alerts::are_described),
        trial("documents_use_only_served_metrics", documents::name_what_egret_serves),
        trial("every_metric_is_described", documents::describe_every_metric),
        trial("every_dashboard_has_a_section_and_a_picture", documents::have_every_dashboard),
        trial("provisioning_matches_the_dashboards", provisioning::matches_the_dashboards),
    ];
    let promtool = |name: &str, body: fn()| egret_tests::needing("promtool", trial(name, body));
    trials.push(promtool("promtool_accepts_the_alerts", alerts::are_accepted));
    trials.push(promtool("alerts_fire_when_they_should", alerts::fire));
    trials
}
