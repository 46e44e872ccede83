//! Which events were asked for.

use super::cli::FilterArgs;
use super::problem::Problems;
use super::value;
use crate::filter::Filter;

impl FilterArgs {
    /// What was meant; what is wrong goes to `problems`.
    pub(super) fn meant(&self, problems: &mut Problems) -> Filter {
        Filter {
            pids: problems.each("--pid <PID>", &self.pid, value::pid),
            executables: problems.each("--exe <NAME|PATH>", &self.exe, value::executable),
            users: problems.each("--user <NAME|UID>", &self.user, value::user),
            ports: problems.each("--port <PORT[-PORT]>", &self.port, value::ports),
            peers: problems.each("--peer <ADDRESS|CIDR>", &self.peer, value::peer),
            transports: problems.each("--transport <NAME>", &self.transport, value::transport),
            names: problems.each("--name <NAME|*.DOMAIN>", &self.name, value::host),
            events: problems.each("--event <EVENT>", &self.event, value::event),
            ..Filter::default()
        }
    }
}
