//! Host names of peers: from real resolvers with test zones and from TLS; never from forged packets.

mod forged;
mod greetings;
mod resolvers;
mod web;

use std::net::SocketAddr;

use egret_tests::{Event, Seen, Trace};
use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    [resolvers::trials(), greetings::trials(), forged::trials()].into_iter().flatten().collect()
}

/// Waits until the end of a connection of `pid` to `peer` was reported.
fn until_closed(trace: &Trace, pid: u32, peer: SocketAddr) {
    let is = |event: &Event| event.name == "connection.close" && event.pid == Some(pid) && event.peer() == Some(peer);
    assert!(trace.wait_for(|events| events.iter().any(is)), "the end of a connection to {peer} is not reported");
}

/// The name in the first and in the last event of the connections of `pid` to `peer`, with their sources.
fn names(seen: &Seen, pid: u32, peer: SocketAddr) -> [Option<(&str, &str)>; 2] {
    ["connection.open", "connection.close"].map(|name| {
        let is = |event: &&Event| event.name == name && event.transport.as_deref() == Some("tcp");
        let events: Vec<_> =
            seen.of_pid(pid).into_iter().filter(|event| event.peer() == Some(peer)).filter(is).collect();
        let [event] = events[..] else { panic!("not one {name} to {peer}: {events:#?}") };
        event.server.as_deref().zip(event.name_source.as_deref())
    })
}
