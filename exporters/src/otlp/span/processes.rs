//! The attributes of processes, remembered.

use std::sync::Arc;

use egret_model::{Cgroup, Executable, Process, Timestamp};
use jiff::fmt::temporal::DateTimePrinter;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::attributes::Attributes;
use crate::names;

/// Processes remembered. A busy moment belongs to few of them; each takes the length of its attributes, some hundred
/// bytes (with the longest arguments 24 KB).
const REMEMBERED: usize = 8;

/// RFC 3339 with nine fractional digits and `Z`, as in all records.
const RFC3339_NS: DateTimePrinter = DateTimePrinter::new().precision(Some(9));

/// Remembers the attributes of processes as they stand in an encoded span. Half of a span is about the process, and the
/// same for all connections of a process: it is put together once and copied from then on.
#[derive(Debug, Default)]
pub(super) struct Processes {
    remembered: Vec<Remembered>,
    /// Which of them makes room next.
    next: usize,
}

#[derive(Debug)]
struct Remembered {
    /// Kept alive, so that its address stands for it.
    process: Arc<Process>,
    known_digests: (bool, bool),
    encoded: Vec<u8>,
}

impl Processes {
    /// Fields of an encoded [`Span`]: what one that has only the attributes of the process would be encoded to.
    pub(super) fn encoded(&mut self, process: &Arc<Process>) -> &[u8] {
        let known_digests = process.executable.known_digests();
        let is = |entry: &Remembered| entry.known_digests == known_digests && Arc::ptr_eq(&entry.process, process);
        let at = self.remembered.iter().position(is).unwrap_or_else(|| {
            let encoded = Span { attributes: attributes(process).into(), ..Span::default() }.encode_to_vec();
            self.remember(Remembered { process: Arc::clone(process), known_digests, encoded })
        });
        self.remembered.get(at).map_or(&[], |entry| &entry.encoded)
    }

    fn remember(&mut self, entry: Remembered) -> usize {
        if self.remembered.len() < REMEMBERED {
            self.remembered.push(entry);
            return self.remembered.len() - 1;
        }
        let at = self.next;
        self.next = (self.next + 1) % REMEMBERED;
        if let Some(place) = self.remembered.get_mut(at) {
            *place = entry;
        }
        at
    }
}

fn attributes(process: &Process) -> Attributes {
    let mut attributes = Attributes::with_capacity(13);
    attributes.integer(names::PROCESS_PID, Some(process.pid));
    executable(&mut attributes, &process.executable);
    attributes.integer(names::PROCESS_PARENT_PID, process.parent_pid);
    attributes.integer(names::PROCESS_USER_ID, process.uid);
    attributes.string(names::PROCESS_USER_NAME, process.user.as_deref());
    attributes.string(names::PROCESS_START_TIME, process.start_time.and_then(rfc3339).as_deref());
    if let Some(group) = &process.cgroup {
        cgroup(&mut attributes, group);
    }
    attributes
}

fn executable(attributes: &mut Attributes, executable: &Executable) {
    attributes.string(names::PROCESS_EXECUTABLE_PATH, executable.file_path());
    attributes.string(names::PROCESS_EXECUTABLE_NAME, executable.name());
    let digest = executable.sha256.get().and_then(Option::as_deref);
    attributes.string(names::PROCESS_EXECUTABLE_SHA256, digest);
    let build_id = executable.build_id.get().and_then(Option::as_deref);
    attributes.string(names::PROCESS_EXECUTABLE_BUILD_ID, build_id);
    attributes.strings(names::PROCESS_COMMAND_ARGS, executable.args.iter().map(|arg| &**arg));
}

fn cgroup(attributes: &mut Attributes, cgroup: &Cgroup) {
    attributes.string(names::SYSTEMD_UNIT, cgroup.unit.as_deref());
    attributes.string(names::CONTAINER_ID, cgroup.container.as_deref());
    attributes.string(names::CONTAINER_RUNTIME, cgroup.runtime);
}

/// Sixty-four bits of nanoseconds reach from 1677 to 2262, well within what jiff represents.
fn rfc3339(time: Timestamp) -> Option<String> {
    let time = jiff::Timestamp::from_nanosecond(i128::from(time.0)).ok()?;
    Some(RFC3339_NS.timestamp_to_string(&time))
}
