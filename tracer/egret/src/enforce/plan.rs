//! From settings and the mode to firewall rules and a policy.

use std::fs;
use std::net::IpAddr;
use std::sync::Arc;

use egret_enforcer::Mode;
use egret_enforcer::baseline::{Index, Subject, parse_subject};
use egret_enforcer::firewall::{
    self, Bypass, ControlGroup, Firewall, Hierarchy, Plan, Protect, Queues, Spread, Tools, Wish, choose,
};
use egret_enforcer::judge::{self, Policy, Refusal, Scope};
use egret_enforcer::marks::Marks;
use egret_enforcer::mode::Situation;
use egret_model::Flow;
use nix::unistd::{Group, User};

use super::kept;
use crate::config::{Action, Backend, Enforce, EnforceLive, Loopback, OnFailure, Unattributed};

/// What rules are made of besides the settings.
pub(super) struct Present<'a> {
    pub(super) marks: Marks,
    pub(super) generation: u32,
    pub(super) resolvers: &'a [IpAddr],
    pub(super) exempt: &'a [Flow],
}

/// The firewall rules.
pub(super) fn plan(settings: &Enforce, live: &EnforceLive, present: &Present<'_>) -> Result<Plan, String> {
    let Enforce { first_queue, queues, .. } = settings;
    let queues = Queues::new(*first_queue, *queues)
        .ok_or_else(|| format!("there are no {queues} queues from number {first_queue} on: numbers end at 65535"))?;
    let resolvers = if live.protect { present.resolvers.to_vec() } else { Vec::new() };
    Ok(Plan {
        queues: queues.spread_by(Spread::Cpu),
        on_failure: match live.on_failure {
            OnFailure::Open => firewall::OnFailure::Open,
            OnFailure::Closed => firewall::OnFailure::Closed,
        },
        action: match live.action {
            Action::Reject => firewall::Action::Reject,
            Action::Drop => firewall::Action::Drop,
        },
        marks: present.marks,
        generation: present.generation,
        loopback: live.loopback == Loopback::Judge,
        rejudge: live.established,
        bypass: bypass(live),
        own: own_group(),
        resolvers,
        protect: protect(live.protect),
        exempt: present.exempt.to_vec(),
    })
}

/// The kernel's own packets have no process that a rule could name, whatever is protected.
const fn protect(all: bool) -> Protect {
    Protect { dhcp: all, ntp: all, neighbours: all, kernel: true }
}

fn bypass(live: &EnforceLive) -> Bypass {
    let users = live.bypass_users.iter().filter_map(|name| {
        user_id(name).or_else(|| {
            tracing::warn!(user = name, "there is no such user to bypass");
            None
        })
    });
    let groups = live.bypass_groups.iter().filter_map(|name| {
        group_id(name).or_else(|| {
            tracing::warn!(group = name, "there is no such group to bypass");
            None
        })
    });
    let cgroups = live.bypass_cgroups.iter().filter_map(|path| {
        ControlGroup::new(path).inspect_err(|error| tracing::warn!(%error, "control group is not bypassed")).ok()
    });
    Bypass { users: users.collect(), groups: groups.collect(), cgroups: cgroups.collect() }
}

/// A user that is bypassed, by name or number.
pub(crate) fn user_id(name: &str) -> Option<u32> {
    name.parse().ok().or_else(|| Some(User::from_name(name).ok()??.uid.as_raw()))
}

/// A group that is bypassed, by name or number.
pub(crate) fn group_id(name: &str) -> Option<u32> {
    name.parse().ok().or_else(|| Some(Group::from_name(name).ok()??.gid.as_raw()))
}

/// egret's own control group, if nobody else is in it: that of a service.
fn own_group() -> Option<ControlGroup> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    let is_own = path.rsplit('/').next().is_some_and(|name| name.starts_with("egret") && name.ends_with(".service"));
    ControlGroup::new(path).ok().filter(|_| is_own)
}

/// Which firewall is asked for.
pub(crate) const fn wish(backend: Backend) -> Wish {
    match backend {
        Backend::Auto => Wish::Auto,
        Backend::Iptables => Wish::Iptables,
        Backend::Nftables => Wish::Nftables,
    }
}

/// The policy of a mode.
pub(super) fn policy(
    situation: &Situation,
    live: &EnforceLive,
    index: Arc<Index>,
    generation: u32,
) -> Result<Policy, String> {
    let only: Option<Subject> = situation.only.as_deref().map(parse_subject).transpose()?;
    Ok(Policy {
        mode: match situation.mode {
            Mode::Observe | Mode::Learn => judge::Mode::Learn,
            Mode::Shadow => judge::Mode::Shadow,
            Mode::Enforce => judge::Mode::Enforce,
        },
        index,
        only,
        unattributed: match live.unattributed {
            Unattributed::Allow => judge::Unattributed::Allow,
            Unattributed::Block => judge::Unattributed::Block,
        },
        on_failure: lanes_on_failure(live),
        refusal: match live.action {
            Action::Reject => Refusal::Reject,
            Action::Drop => Refusal::Drop,
        },
        ask: live.ask_hold.is_some(),
        generation,
    })
}

/// What packets that find a queue full, or that cannot be judged in time, go by.
pub(super) const fn lanes_on_failure(live: &EnforceLive) -> judge::OnFailure {
    match live.on_failure {
        OnFailure::Open => judge::OnFailure::Open,
        OnFailure::Closed => judge::OnFailure::Closed,
    }
}

/// What the rules of a configuration lead to a verdict: of the same plan as they. The subject that is enforced alone is that
/// of the mode that is kept, if that can be read.
///
/// # Errors
///
/// The configuration makes no rules.
pub(crate) fn scope(settings: &Enforce) -> Result<Scope, String> {
    let marks = Marks::new(settings.mark_mask).map_err(|error| error.to_string())?;
    let resolvers = firewall::resolvers();
    let present = Present { marks, generation: 0, resolvers: &resolvers, exempt: &[] };
    let plan = plan(settings, &settings.live, &present)?;
    let kept = kept::read(&settings.state).ok().flatten();
    let only = kept.and_then(|kept| kept.only).map(|only| parse_subject(&only)).transpose()?;
    let executable = std::env::current_exe().ok().map(|path| path.to_string_lossy().into());
    Ok(Scope::of(&plan).with_executable(executable).with_only(only))
}

/// The rules that a configuration makes, as `egret firewall show` prints them.
///
/// # Errors
///
/// No firewall works here, or there are no such queues.
pub(crate) fn render(settings: &Enforce) -> anyhow::Result<String> {
    let (tools, hierarchy) = (Tools::default(), Hierarchy::find());
    let firewall: Box<dyn Firewall> = choose(&tools, &hierarchy, wish(settings.backend))?;
    let marks = Marks::new(settings.mark_mask)?;
    let resolvers = firewall::resolvers();
    let present = Present { marks, generation: 0, resolvers: &resolvers, exempt: &[] };
    let plan = plan(settings, &settings.live, &present).map_err(anyhow::Error::msg)?;
    Ok(firewall.render(&plan))
}
