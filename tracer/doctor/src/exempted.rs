//! The share of recorded flows that a bypass would have exempted.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use egret_config::{Account, Enforce};
use egret_enforcer::baseline::Facts;
use egret_enforcer::clock::now;
use egret_exporters::parquet::read::{Log, ReadError};
use egret_model::{Event, Process, Timestamp};
use egret_view::filter::Filter;
use egret_view::query;
use nix::unistd::{Uid, User};
use serde::{Serialize, Serializer};

/// Hours of the log that are read.
const HOURS: u32 = 24;

/// An entry of a bypass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Exemption {
    User(String),
    Group(String),
    ControlGroup(String),
}

impl Exemption {
    pub(super) fn all_of(settings: &Enforce) -> Vec<Self> {
        let users = settings.bypass_users.iter().cloned().map(Self::User);
        let groups = settings.bypass_groups.iter().cloned().map(Self::Group);
        let control_groups = settings.bypass_cgroups.iter().cloned().map(Self::ControlGroup);
        users.chain(groups).chain(control_groups).collect()
    }
}

impl Serialize for Exemption {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Exemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user {name}"),
            Self::Group(name) => write!(f, "group {name}"),
            Self::ControlGroup(path) => write!(f, "control group {path}"),
        }
    }
}

/// Matches an exemption against events of the log.
enum Matcher {
    User(u32),
    /// The log has no groups, so this matches users whose login group it is.
    LoginGroup(u32),
    /// The unit with the name of the control group.
    Unit(String),
    /// Cannot be matched: the account does not exist, or the control group is not a unit, which the log does not have.
    Unknown,
}

impl Matcher {
    fn of(exemption: &Exemption) -> Self {
        match exemption {
            Exemption::User(name) => Account::User.id(name).map_or(Self::Unknown, Self::User),
            Exemption::Group(name) => Account::Group.id(name).map_or(Self::Unknown, Self::LoginGroup),
            Exemption::ControlGroup(path) => match path.rsplit('/').next() {
                Some(name) if name.contains('.') && !name.ends_with(".slice") => Self::Unit(name.to_owned()),
                _ => Self::Unknown,
            },
        }
    }

    fn is_about(&self, process: &Process, groups: &mut LoginGroups) -> bool {
        match self {
            Self::User(user) => process.uid == Some(*user),
            Self::LoginGroup(group) => process.uid.is_some_and(|user| groups.of(user) == Some(*group)),
            Self::Unit(unit) => {
                process.cgroup.as_deref().and_then(|group| group.unit.as_deref()).is_some_and(|name| name == unit)
            }
            Self::Unknown => false,
        }
    }
}

/// A cache of login groups.
#[derive(Default)]
struct LoginGroups(HashMap<u32, Option<u32>>);

impl LoginGroups {
    fn of(&mut self, user: u32) -> Option<u32> {
        *self.0.entry(user).or_insert_with(|| Some(User::from_uid(Uid::from_raw(user)).ok()??.gid.as_raw()))
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Exempted {
    log: PathBuf,
    hours: u32,
    /// Outgoing flows.
    flows: u64,
    /// Flows that at least one exemption matches.
    exempt: u64,
    by: Vec<By>,
}

#[derive(Debug, Serialize)]
struct By {
    exemption: Exemption,
    /// Absent if the log cannot show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    flows: Option<u64>,
}

impl Exempted {
    /// Counts the flows of the last hours.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub(super) fn count(directory: &Path, exemptions: Vec<Exemption>) -> Result<Self, ReadError> {
        let events = query::FLOWS.to_vec();
        let since = Timestamp(now().0.saturating_sub(i64::from(HOURS) * 3_600_000_000_000));
        let query = query::from_filter(&Filter { events, ..Filter::default() }, Some(since), None);
        let matchers: Vec<Matcher> = exemptions.iter().map(Matcher::of).collect();
        let by = exemptions.into_iter().zip(&matchers).map(|(exemption, matcher)| {
            let flows = (!matches!(matcher, Matcher::Unknown)).then_some(0);
            By { exemption, flows }
        });
        let mut counted = Self { log: directory.to_owned(), hours: HOURS, flows: 0, exempt: 0, by: by.collect() };
        let mut groups = LoginGroups::default();
        for batch in Log::open(directory, query)? {
            batch?.iter().for_each(|event| counted.add(event, &matchers, &mut groups));
        }
        Ok(counted)
    }

    fn add(&mut self, event: &Event, matchers: &[Matcher], groups: &mut LoginGroups) {
        if Facts::of(event).is_none() {
            return;
        }
        self.flows += 1;
        let Some(process) = event.process.as_deref() else { return };
        let mut is_exempt = false;
        for (by, matcher) in self.by.iter_mut().zip(matchers) {
            if matcher.is_about(process, groups) {
                is_exempt = true;
                by.flows = by.flows.map(|flows| flows + 1);
            }
        }
        self.exempt += u64::from(is_exempt);
    }

    fn share(&self, flows: u64) -> String {
        if self.flows == 0 { "none".to_owned() } else { format!("{:.1} %", 100.0 * flows as f64 / self.flows as f64) }
    }
}

impl fmt::Display for Exempted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log, hours, flows, exempt, by } = self;
        write!(
            f,
            "exempts {} of the {flows} flows of the last {hours} hours in {}:",
            self.share(*exempt),
            log.display()
        )?;
        for (number, By { exemption, flows }) in by.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            match flows {
                Some(flows) => write!(f, "{comma} {exemption} {}", self.share(*flows))?,
                None => write!(f, "{comma} {exemption} unknown from the log")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use egret_model::sample;

    use super::*;

    fn counted(exemptions: Vec<Exemption>, events: &[Event]) -> Exempted {
        let matchers: Vec<Matcher> = exemptions.iter().map(Matcher::of).collect();
        let by = exemptions.into_iter().map(|exemption| By { exemption, flows: Some(0) }).collect();
        let mut counted = Exempted { log: "/log".into(), hours: HOURS, flows: 0, exempt: 0, by };
        let mut groups = LoginGroups::default();
        events.iter().for_each(|event| counted.add(event, &matchers, &mut groups));
        counted
    }

    fn by_user(uid: u32) -> Event {
        let mut event = sample::event();
        let process = Arc::make_mut(event.process.as_mut().unwrap());
        process.uid = Some(uid);
        event
    }

    #[test]
    fn a_flow_with_several_exemptions_counts_once() {
        let exemptions = vec![Exemption::User("0".into()), Exemption::Group("0".into()), Exemption::User("7".into())];
        let events = [by_user(0), by_user(0), by_user(7), by_user(1234)];
        let counted = counted(exemptions, &events);
        assert_eq!((counted.flows, counted.exempt), (4, 3));
        assert_eq!(counted.by.iter().map(|by| by.flows).collect::<Vec<_>>(), [Some(2), Some(2), Some(1)]);
        assert_eq!(
            counted.to_string(),
            "exempts 75.0 % of the 4 flows of the last 24 hours in /log: user 0 50.0 %, group 0 50.0 %, user 7 25.0 %"
        );
    }

    #[test]
    fn inbound_flows_are_not_counted() {
        let mut event = by_user(0);
        event.inbound = true;
        assert_eq!(counted(vec![Exemption::User("0".into())], &[event]).flows, 0);
    }

    #[test]
    fn a_control_group_is_matched_only_by_its_unit() {
        let of = |path: &str| Matcher::of(&Exemption::ControlGroup(path.into()));
        assert!(matches!(of("system.slice/chrony.service"), Matcher::Unit(unit) if unit == "chrony.service"));
        for path in ["system.slice", "some/group"] {
            assert!(matches!(of(path), Matcher::Unknown), "{path}");
        }
    }
}
