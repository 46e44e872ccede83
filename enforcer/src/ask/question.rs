//! Questions and answers, as people are shown them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::baseline::{Facts, Rule};

/// A question that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Its number; none comes twice before a restart.
    pub id: u64,
    /// Path of the executable.
    pub executable: Option<Arc<str>>,
    /// What an interpreter runs.
    pub script: Option<Arc<str>>,
    /// Who runs it.
    pub user: Option<Arc<str>>,
    /// systemd unit.
    pub unit: Option<Arc<str>>,
    /// Full container id.
    pub container: Option<Arc<str>>,
    /// Image of the container: name and tag.
    pub image: Option<Arc<str>>,
    /// `NAMESPACE/WORKLOAD` of the pod.
    pub pod: Option<Arc<str>>,
    /// Path of the parent's executable.
    pub parent: Option<Arc<str>>,
    /// Name of the transport.
    pub transport: Option<Arc<str>>,
    /// The name that was asked for, or the address.
    pub destination: Arc<str>,
    /// The address, the last one if there were several.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: Option<u16>,
    /// The rule that an answer makes, without action.
    pub rule: Arc<str>,
    /// Packets that were refused or held for want of an answer.
    pub count: u64,
    /// Since the first of them, seconds.
    pub age_seconds: u64,
    /// Since the last of them, seconds.
    pub idle_seconds: u64,
}

/// An answer in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerInForce {
    /// The number of its question.
    pub id: u64,
    /// What it is about: a rule without action.
    pub rule: Arc<str>,
    /// Whether such flows are let through.
    pub allow: bool,
    /// It is for one flow.
    pub once: bool,
    /// How long it still lasts, seconds; absent if until egret ends.
    pub remaining_seconds: Option<u64>,
}

/// A question that is open, as the table has it.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) rule: Rule,
    pub(super) count: u64,
    pub(super) first: Instant,
    pub(super) last: Instant,
    pub(super) address: Option<IpAddr>,
    executable: Option<Arc<str>>,
    file: Option<&'static str>,
    script: Option<Arc<str>>,
    user: Option<Arc<str>>,
    unit: Option<Arc<str>>,
    container: Option<Arc<str>>,
    image: Option<Arc<str>>,
    pod: Option<Arc<str>>,
    is_user_unit: bool,
    is_rootless: bool,
    parent: Option<Arc<str>>,
    port: Option<u16>,
}

impl Open {
    pub(super) fn new(rule: Rule, facts: &Facts<'_>, now: Instant) -> Self {
        let text = |text: Option<&str>| text.map(Arc::from);
        Self {
            rule,
            count: 0,
            first: now,
            last: now,
            address: facts.address,
            executable: text(facts.executable),
            file: facts.file,
            script: text(facts.script),
            user: text(facts.user.as_deref()),
            unit: text(facts.unit),
            container: text(facts.container),
            image: text(facts.image),
            pod: text(facts.pod),
            is_user_unit: facts.is_user_unit,
            is_rootless: facts.is_rootless,
            parent: text(facts.parent),
            port: facts.port,
        }
    }

    pub(super) fn show(&self, id: u64, now: Instant) -> Question {
        let seconds = |since| now.saturating_duration_since(since).as_secs();
        Question {
            id,
            executable: self.executable.clone(),
            script: self.script.clone(),
            user: self.user.clone(),
            unit: self.unit.clone(),
            container: self.container.clone(),
            image: self.image.clone(),
            pod: self.pod.clone(),
            parent: self.parent.clone(),
            transport: self.rule.destination.transport.map(Arc::from),
            destination: self.rule.destination.host.to_string().into(),
            address: self.address,
            port: self.port,
            rule: self.rule.to_string().into(),
            count: self.count,
            age_seconds: seconds(self.first),
            idle_seconds: seconds(self.last),
        }
    }

    /// What a subject is compared with.
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            executable: self.executable.as_deref(),
            file: self.file,
            script: self.script.as_deref(),
            user: self.user.as_deref().map(Into::into),
            unit: self.unit.as_deref(),
            container: self.container.as_deref(),
            image: self.image.as_deref(),
            pod: self.pod.as_deref(),
            is_user_unit: self.is_user_unit,
            is_rootless: self.is_rootless,
            parent: self.parent.as_deref(),
            ..Facts::default()
        }
    }
}

/// An answer in force, as the table has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct InForce {
    pub(super) id: u64,
    pub(super) allow: bool,
    pub(super) once: bool,
    pub(super) until: Option<Instant>,
}

impl InForce {
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    pub(super) fn show(&self, rule: &Rule, now: Instant) -> AnswerInForce {
        let remaining = self.until.map(|until| until.saturating_duration_since(now));
        AnswerInForce {
            id: self.id,
            rule: rule.to_string().into(),
            allow: self.allow,
            once: self.once,
            remaining_seconds: remaining.as_ref().map(Duration::as_secs),
        }
    }
}
