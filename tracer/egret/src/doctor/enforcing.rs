//! What holding this host to a baseline would find: a firewall that works, and how much a bypass exempts.

use std::env;
use std::path::Path;
use std::thread;

use egret_enforcer::firewall::{Hierarchy, Tools, choose};
use egret_exporters::parquet::Destination;
use egret_exporters::parquet::read::ReadError;
use nix::sched::{CloneFlags, unshare};
use serde::Serialize;

use super::check::{Check, Status};
use super::exempted::{Exempted, Exemption};
use crate::config::{self, Backend, Enforce, Settings};
use crate::enforce::wish;

/// What was found.
#[derive(Default, Serialize)]
pub(super) struct Enforcing {
    pub(super) checks: Vec<Check>,
    /// Absent where nothing is bypassed, or there is no log to tell by.
    #[serde(skip_serializing_if = "Option::is_none")]
    bypass: Option<Exempted>,
}

/// Examines what a configuration asks for.
pub(super) fn examine(path: Option<&Path>) -> Enforcing {
    let settings = match config::load(path, env::vars_os()) {
        Ok(loaded) => loaded.settings,
        Err(problems) => {
            let detail = format!("{problems}").lines().next().unwrap_or_default().to_owned();
            let checks = vec![Check::new(None, "configuration", Status::Failed, detail), firewall(Backend::Auto)];
            return Enforcing { checks, bypass: None };
        }
    };
    let Some(enforce) = &settings.enforce else {
        let check =
            Check::new(None, "configuration", Status::NotChecked, "enforce.enabled is false: egret only looks on");
        return Enforcing { checks: vec![check], bypass: None };
    };
    let (check, bypass) = bypass(&settings, enforce);
    Enforcing { checks: vec![firewall(enforce.backend), check], bypass }
}

/// Tries the firewall in a network namespace of its own: what a rule does there it does nowhere else, and it goes with the
/// thread.
fn firewall(backend: Backend) -> Check {
    let attempt = move || {
        unshare(CloneFlags::CLONE_NEWNET)?;
        Ok(choose(&Tools::default(), &Hierarchy::find(), wish(backend)).map(|firewall| firewall.name()))
    };
    let attempted: Result<_, nix::Error> = thread::spawn(attempt).join().unwrap_or(Err(nix::Error::EIO));
    let (status, detail) = match attempted {
        Ok(Ok(name)) => (Status::Ok, format!("{name} can queue packets")),
        Ok(Err(error)) => (Status::Missing, error.to_string()),
        Err(error) => (Status::NotChecked, format!("no network namespace to try it in: {error}")),
    };
    Check::new(None, "firewall", status, detail)
}

/// How much of what was recorded a bypass exempts.
fn bypass(settings: &Settings, enforce: &Enforce) -> (Check, Option<Exempted>) {
    let check = |status, detail: &str| (Check::new(None, "bypass", status, detail), None);
    let exemptions = Exemption::all_of(&enforce.live);
    if exemptions.is_empty() {
        return check(Status::Ok, "nobody is exempted");
    }
    let Some(Destination::Directory(directory)) = settings.parquet.as_ref().map(|parquet| &parquet.destination) else {
        return check(Status::NotChecked, "no log is kept on this host that would tell how much is exempted");
    };
    match Exempted::count(directory, exemptions) {
        Ok(exempted) => (Check::new(None, "bypass", Status::Ok, exempted.to_string()), Some(exempted)),
        Err(ReadError::Directory { .. }) => {
            check(Status::NotChecked, &format!("there is no log in {}: run egret run first", directory.display()))
        }
        Err(error) => check(Status::Failed, &error.to_string()),
    }
}
