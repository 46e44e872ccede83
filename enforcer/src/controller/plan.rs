//! From settings and the mode to firewall rules, a policy, and the scope of both.

use std::fs;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use egret_model::{Flow, escaped};
use nix::ifaddrs::getifaddrs;

use super::settings::EnforcerSettings;
use super::state_file;
use crate::baseline::{Index, parse_subject};
use crate::evaluate::{Policy, Scope};
use crate::firewall::{
    ControlGroup, Firewall, FirewallError, Hierarchy, Lack, Plan, Protect, Queues, Spread, Tools, choose,
};
use crate::marks::{Marks, MarksError};
use crate::mode::ModeState;
use crate::queue::{WorkersError, try_queue};

/// Why settings make no firewall rules or no policy, or why these do not work here.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Queue numbers have 16 bits.
    #[error("there are no {count} queues from number {first} on: numbers end at 65535")]
    Queues {
        /// The first number.
        first: u16,
        /// How many queues.
        count: u16,
    },
    /// No verdict fits in the mark mask.
    #[error(transparent)]
    Marks(#[from] MarksError),
    /// The one subject that is enforced cannot be parsed.
    #[error("{0}")]
    Subject(String),
    /// The firewall refuses.
    #[error(transparent)]
    Firewall(#[from] FirewallError),
    /// A queue cannot be read.
    #[error(transparent)]
    Queue(#[from] WorkersError),
    /// The firewall lacks something.
    #[error(transparent)]
    Lack(#[from] Lack),
}

/// What firewall rules are made of besides the settings.
pub(super) struct PlanInputs<'a> {
    pub(super) marks: Marks,
    pub(super) generation: u32,
    pub(super) resolvers: &'a [IpAddr],
    pub(super) exempt: &'a [Flow],
}

/// The firewall rules.
pub(super) fn plan(settings: &EnforcerSettings, inputs: &PlanInputs<'_>) -> Result<Plan, PlanError> {
    let (first, count) = (settings.first_queue, settings.queues);
    let queues = Queues::new(first, count).ok_or(PlanError::Queues { first, count })?;
    let resolvers = if settings.protect { inputs.resolvers.to_vec() } else { Vec::new() };
    Ok(Plan {
        queues: queues.spread_by(Spread::Cpu),
        on_failure: settings.on_failure,
        action: settings.action,
        marks: inputs.marks,
        generation: inputs.generation,
        loopback: settings.loopback,
        rejudge: settings.rejudge,
        bypass: settings.bypass.clone(),
        own: own_group(),
        resolvers,
        protect: protect(settings.protect),
        exempt: inputs.exempt.to_vec(),
    })
}

/// The kernel's own packets have no process that a rule could name, whatever is protected.
const fn protect(all: bool) -> Protect {
    Protect { dhcp: all, ntp: all, neighbours: all, kernel: true }
}

/// egret's own control group, if no other process is in it: that of a service.
fn own_group() -> Option<ControlGroup> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    let is_own = path.rsplit('/').next().is_some_and(|name| name.starts_with("egret") && name.ends_with(".service"));
    ControlGroup::new(path).ok().filter(|_| is_own)
}

/// The policy of a mode.
pub(super) fn policy(
    state: &ModeState,
    settings: &EnforcerSettings,
    index: Arc<Index>,
    generation: u32,
) -> Result<Policy, PlanError> {
    Ok(Policy {
        mode: state.mode,
        index,
        only: state.only.as_deref().map(parse_subject).transpose().map_err(PlanError::Subject)?,
        unattributed: settings.unattributed,
        on_failure: settings.on_failure,
        action: settings.action,
        ask: settings.ask_hold.is_some(),
        generation,
    })
}

/// Addresses of this host's interfaces; a log of another host has others.
pub(crate) fn own_addresses() -> Vec<IpAddr> {
    let Ok(addresses) = getifaddrs() else { return Vec::new() };
    let ip = |address: nix::sys::socket::SockaddrStorage| {
        let v4 = address.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
        v4.or_else(|| Some(IpAddr::from(address.as_sockaddr_in6()?.ip())))
    };
    addresses.filter_map(|interface| ip(interface.address?)).collect()
}

/// The flows that the rules of these settings lead to a verdict, made of the same plan as the rules. The one subject that is
/// enforced is that of the mode state that is kept, if it can be read.
///
/// # Errors
///
/// The settings make no rules.
pub fn scope(settings: &EnforcerSettings, resolvers: &[IpAddr]) -> Result<Scope, PlanError> {
    let kept = state_file::read(&settings.state_file).ok().flatten();
    scope_in(settings, resolvers, kept.as_ref().and_then(|state| state.only.as_deref()))
}

/// The same, with the one subject that is enforced.
pub(super) fn scope_in(
    settings: &EnforcerSettings,
    resolvers: &[IpAddr],
    only: Option<&str>,
) -> Result<Scope, PlanError> {
    let inputs = PlanInputs { marks: Marks::new(settings.mark_mask)?, generation: 0, resolvers, exempt: &[] };
    let plan = plan(settings, &inputs)?;
    let only = only.map(parse_subject).transpose().map_err(PlanError::Subject)?;
    let executable = std::env::current_exe().ok().map(|path| escaped(path.as_os_str().as_bytes()).into());
    Ok(Scope::new(&plan).with_executable(executable).with_only(only).with_own_addresses(own_addresses()))
}

/// Installs the rules of these settings, reads a queue, and removes all of it: whether enforcing could begin in the network
/// namespace of this thread. Returns the name of the firewall.
///
/// # Errors
///
/// It could not.
pub fn attempt(settings: &EnforcerSettings) -> Result<&'static str, PlanError> {
    let (tools, hierarchy) = (Tools::default(), Hierarchy::find());
    let mut firewall: Box<dyn Firewall> = choose(&tools, &hierarchy, settings.backend)?;
    let inputs = PlanInputs { marks: Marks::new(settings.mark_mask)?, generation: 0, resolvers: &[], exempt: &[] };
    let plan = plan(settings, &inputs)?;
    try_queue(settings.first_queue)?;
    let installed = firewall.install(&plan)?;
    firewall.remove()?;
    match installed.lacks.into_iter().find(|lack| *lack == Lack::Ip6tables) {
        Some(lack) => Err(lack.into()),
        None => Ok(firewall.name()),
    }
}

/// The rules of these settings, as `egret firewall show` prints them.
///
/// # Errors
///
/// No firewall works here, or the settings make no rules.
pub fn render(settings: &EnforcerSettings, resolvers: &[IpAddr]) -> Result<String, PlanError> {
    let (tools, hierarchy) = (Tools::default(), Hierarchy::find());
    let firewall: Box<dyn Firewall> = choose(&tools, &hierarchy, settings.backend)?;
    let inputs = PlanInputs { marks: Marks::new(settings.mark_mask)?, generation: 0, resolvers, exempt: &[] };
    Ok(firewall.render(&plan(settings, &inputs)?))
}
