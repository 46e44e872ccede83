//! Resolves the filter options.

use egret_view::filter::{ContainerIs, Filter, UnitIs, UserIs};

use super::cli::FilterArgs;
use super::problem::Problems;
use super::value;

/// The prefix of a value to exclude.
const NOT: char = '!';

/// Parses the name or uid of a user.
pub(super) type ReadUser = fn(&str) -> Result<UserIs, String>;

impl FilterArgs {
    /// Resolves the filter. `user` resolves a user.
    pub(super) fn resolve(&self, user: ReadUser, problems: &mut Problems) -> Filter {
        let (included, excluded) = self.split();
        let not = excluded.plain(user, problems);
        let not = Some(not).filter(|not| *not != Filter::default()).map(Box::new);
        Filter { not, ..included.plain(user, problems) }
    }

    /// Resolves values without prefix.
    fn plain(&self, user: ReadUser, problems: &mut Problems) -> Filter {
        let named = |what: &'static str| move |text: &str| value::named(what, text);
        Filter {
            pids: problems.each("--pid <PID>", &self.pid, value::pid),
            executables: problems.each("--exe <NAME|PATH>", &self.exe, value::executable),
            users: problems.each("--user <NAME|UID>", &self.user, user),
            containers: problems.each("--container <NAME|ID>", &self.container, |text| {
                named("a name, an id, or NAMESPACE/POD")(text).map(ContainerIs)
            }),
            units: problems
                .each("--unit <UNIT>", &self.unit, |text| named("a unit such as nginx.service")(text).map(UnitIs)),
            directions: problems.each("--direction <DIRECTION>", &self.direction, value::direction),
            ports: problems.each("--port <PORT[-PORT]>", &self.port, value::ports),
            peers: problems.each("--peer <ADDRESS|CIDR>", &self.peer, value::peer),
            transports: problems.each("--transport <NAME>", &self.transport, value::transport),
            names: problems.each("--name <NAME|*.DOMAIN>", &self.name, value::host),
            events: problems.each("--event <EVENT>", &self.event, value::event),
            ..Filter::default()
        }
    }

    /// Included and excluded values, the latter without their prefix.
    fn split(&self) -> (Self, Self) {
        let (mut included, mut excluded) = (Self::default(), Self::default());
        for (values, (yes, no)) in
            self.lists().into_iter().zip(included.lists_mut().into_iter().zip(excluded.lists_mut()))
        {
            (*yes, *no) = split(values);
        }
        (included, excluded)
    }

    fn lists(&self) -> [&Vec<String>; 11] {
        let Self { pid, exe, user, container, unit, direction, port, peer, transport, name, event } = self;
        [pid, exe, user, container, unit, direction, port, peer, transport, name, event]
    }

    fn lists_mut(&mut self) -> [&mut Vec<String>; 11] {
        let Self { pid, exe, user, container, unit, direction, port, peer, transport, name, event } = self;
        [pid, exe, user, container, unit, direction, port, peer, transport, name, event]
    }
}

/// Included and excluded values, the latter without their prefix.
pub(super) fn split(values: &[String]) -> (Vec<String>, Vec<String>) {
    let (excluded, included): (Vec<&String>, Vec<&String>) = values.iter().partition(|value| value.starts_with(NOT));
    let without_prefix = |value: &String| value.strip_prefix(NOT).unwrap_or(value).to_owned();
    (included.into_iter().cloned().collect(), excluded.into_iter().map(without_prefix).collect())
}
