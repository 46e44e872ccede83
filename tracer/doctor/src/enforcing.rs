//! Checks for enforcement: a working firewall, and the share of flows that a bypass exempts.

use std::thread;

use egret_config::{Enforce, EnforceSettings, Problems, Settings};
use egret_enforcer::controller::{PlanError, attempt};
use egret_enforcer::firewall::{BackendChoice, Hierarchy, Tools, Tracking, choose};
use egret_enforcer::queue::try_queue;
use egret_exporters::parquet::Destination;
use egret_exporters::parquet::read::ReadError;
use nix::sched::{CloneFlags, unshare};
use serde::Serialize;

use super::check::{Check, Status};
use super::exempted::{Exempted, Exemption};

#[derive(Default, Serialize)]
pub(super) struct Enforcing {
    pub(super) checks: Vec<Check>,
    /// Absent without a bypass, or without a log to count flows in.
    #[serde(skip_serializing_if = "Option::is_none")]
    bypass: Option<Exempted>,
}

/// Checks what a configuration needs.
pub(super) fn examine(settings: Result<&Settings, &Problems>) -> Enforcing {
    let settings = match settings {
        Ok(settings) => settings,
        Err(problems) => {
            let detail = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let checks = vec![Check::new(None, "configuration", Status::Failed, detail), firewall(None)];
            return Enforcing { checks, bypass: None };
        }
    };
    let Some(enforcement) = &settings.enforce else {
        let check = Check::new(None, "configuration", Status::NotChecked, "enforce.enabled is false");
        return Enforcing { checks: vec![check], bypass: None };
    };
    let (check, bypass) = bypass(settings, &enforcement.options);
    Enforcing { checks: vec![firewall(Some(enforcement)), connections(), check], bypass }
}

/// Installs rules and opens a queue in a new network namespace, so that the host is not affected. The namespace ends with the
/// thread. The kernel may load modules.
fn firewall(enforcement: Option<&EnforceSettings>) -> Check {
    let settings = enforcement.map(EnforceSettings::enforcer);
    let attempt = move || {
        unshare(CloneFlags::CLONE_NEWNET)?;
        Ok(settings.as_ref().map_or_else(attempt_without_settings, attempt))
    };
    let attempted: Result<_, nix::Error> = thread::spawn(attempt).join().unwrap_or(Err(nix::Error::EIO));
    let (status, detail) = match attempted {
        Ok(Ok(name)) => (Status::Ok, format!("{name} can queue packets")),
        Ok(Err(error)) => (Status::Missing, format!("{:#}", anyhow::Error::from(error))),
        Err(error) => (Status::NotChecked, format!("cannot create a network namespace for the check: {error}")),
    };
    Check::new(None, "firewall", status, detail)
}

fn attempt_without_settings() -> Result<&'static str, PlanError> {
    let firewall = choose(&Tools::default(), &Hierarchy::find(), BackendChoice::Auto)?;
    try_queue(0)?;
    Ok(firewall.name())
}

/// The use of the connection tracking table, which the rules need.
fn connections() -> Check {
    let (status, detail) = match Tracking::read() {
        None => (Status::Ok, "connections are not tracked yet".to_owned()),
        Some(table) => {
            let status = if table.is_nearly_full() { Status::Failed } else { Status::Ok };
            (status, format!("{} of {} (net.netfilter.nf_conntrack_max)", table.entries, table.limit))
        }
    };
    Check::new(None, "connection_table", status, detail)
}

/// The share of recorded flows that a bypass exempts.
fn bypass(settings: &Settings, enforce: &Enforce) -> (Check, Option<Exempted>) {
    let check = |status, detail: &str| (Check::new(None, "bypass", status, detail), None);
    let exemptions = Exemption::all_of(enforce);
    if exemptions.is_empty() {
        return check(Status::Ok, "no bypass is configured");
    }
    let Some(Destination::Directory(directory)) = settings.parquet.as_ref().map(|parquet| &parquet.destination) else {
        return check(Status::NotChecked, "no log on this host to count exempted flows in");
    };
    match Exempted::count(directory, exemptions) {
        Ok(exempted) => (Check::new(None, "bypass", Status::Ok, exempted.to_string()), Some(exempted)),
        Err(ReadError::Directory { .. }) => {
            check(Status::NotChecked, &format!("there is no log in {}: run egret run first", directory.display()))
        }
        Err(error) => check(Status::Failed, &error.to_string()),
    }
}
