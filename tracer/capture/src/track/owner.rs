//! The process of a connection that no hook could name when the connection began.

use std::sync::Arc;

use egret_model::{Attribution, Event, EventName, Process, Transport};
use egret_wire::{FlowRecord, PREEXISTING};

use super::event::is_kernel;
use super::tracker::Tracker;

/// How long an accepted connection is held back for a process other than its listener to use it first, nanoseconds.
const PATIENCE_NS: u64 = 100_000_000;

impl Tracker {
    /// Holds an accepted connection back until its first use. Reports the oldest one if there are too many.
    pub(super) fn hold_back(&mut self, flow: FlowRecord, out: &mut Vec<Event>) {
        if let Some(oldest) = self.waiting.add(flow) {
            out.push(self.unused(&oldest));
        }
    }

    /// Reports connections that were held back for long enough; with `None` all of them.
    pub(crate) fn flush(&mut self, now_ns: Option<u64>, out: &mut Vec<Event>) {
        if let Some(now_ns) = now_ns {
            self.preexisting.expire(now_ns);
        }
        let until = now_ns.map_or(u64::MAX, |now| now.saturating_sub(PATIENCE_NS));
        let before = out.len();
        while let Some(flow) = self.waiting.take_until(until) {
            out.push(self.unused(&flow));
        }
        self.account(out.get_mut(before..).unwrap_or_default());
    }

    /// The event of an accepted connection that no process has used in time: it belongs to the listener, also to a
    /// preexisting one. What user space finds stays with the socket until it is used.
    pub(super) fn unused(&mut self, flow: &FlowRecord) -> Event {
        let mut event = self.opening(flow);
        if event.process.is_none()
            && let Some((process, attribution)) = self.search(flow, &event)
        {
            event.process = Some(process);
            event.attribution = attribution;
            self.remember(&event);
        }
        event
    }

    /// The first use of a connection names its owner.
    pub(super) fn owned(&mut self, flow: &FlowRecord, out: &mut Vec<Event>) {
        if let Some(held) = self.waiting.take(flow.cookie) {
            let event = self.opening(flow);
            let opened_ns = held.header.time_ns;
            out.push(Event { time: self.processes.at(opened_ns), boot_ns: opened_ns, ..event });
        } else if flow.header.flags & PREEXISTING != 0 {
            let is_reported = self.preexisting.found.peek(&flow.cookie).is_some_and(|found| found.reported);
            out.extend((!is_reported).then(|| self.opening(flow)));
        }
        self.set_open_owner(flow);
    }

    /// Gives an open connection its owner, which was not known when its beginning was reported.
    fn set_open_owner(&mut self, flow: &FlowRecord) {
        if self.open.is_none() {
            return;
        }
        let event = self.event(EventName::ConnectionOpen, flow);
        if let Some((open, process)) = self.open.as_mut().zip(event.process.as_ref()) {
            open.set_process(event.id, process, event.attribution);
        }
    }

    /// The first event of a connection whose process was not known at its beginning.
    fn opening(&mut self, flow: &FlowRecord) -> Event {
        let mut event = self.event(EventName::ConnectionOpen, flow);
        if event.inbound {
            event.name = EventName::Accept;
        }
        if flow.header.flags & PREEXISTING != 0 {
            self.remember(&event);
        }
        event
    }

    /// Attributes a connect of a kernel thread. It is a further subflow of multipath TCP, which belongs to the
    /// owner of its connection, or the kernel's own, which no process owns. If neither is certain, the process is
    /// unknown.
    pub(super) fn attribute_kernel(&mut self, flow: &FlowRecord, event: &mut Event) {
        let is_kernel = event.transport == Some(Transport::Tcp) && event.process.as_deref().is_some_and(is_kernel);
        if !is_kernel || self.preexisting.found.contains(&flow.cookie) {
            return;
        }
        let is_here = event.namespace.is_some_and(|namespace| namespace.own);
        let is_open = event.name != EventName::ConnectionFailed;
        let can_search = is_here && is_open && self.resolver.has_look_ups();
        let (process, attribution) = match can_search.then(|| self.search(flow, event)) {
            Some(None) => return,
            Some(Some((process, attribution))) => (Some(process), attribution),
            None => (None, Attribution::Unknown),
        };
        event.process = process;
        event.attribution = attribution;
        if is_open {
            self.remember(event);
        }
    }

    /// The process of a socket that no hook could name.
    fn search(&mut self, flow: &FlowRecord, event: &Event) -> Option<(Arc<Process>, Attribution)> {
        let resolver = &mut self.resolver;
        let exact = resolver.resolve(flow.cookie, event.transport?, event.local, event.peer, &mut self.processes);
        // A connection that waits to be accepted belongs to its listener.
        let listeners = &self.preexisting.listeners;
        let listening = || listeners.process(flow.netns, event.local).filter(|_| event.inbound);
        exact.or_else(|| Some((listening()?, Attribution::Procfs)))
    }
}
