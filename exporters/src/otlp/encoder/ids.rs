//! The ids of a connection's spans.
//!
//! They are derived from the connection: its last record identifies its trace, and no random numbers are needed.

use bytes::Buf;
use egret_model::{Event, Layer};
use opentelemetry::{SpanId, TraceId};
use sha2::{Digest, Sha256};

/// Makes ids unique to this host and boot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed([u8; 16]);

impl Seed {
    /// From the random id of this boot (`/proc/sys/kernel/random/boot_id`).
    pub(crate) fn from_boot_id(boot_id: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(boot_id.trim()).into();
        Self(digest.first_chunk().copied().unwrap_or_default())
    }
}

/// The ids of a connection's spans. None is zero, which W3C Trace Context forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) trace: TraceId,
    pub(super) root: SpanId,
    pub(super) resolve: SpanId,
    pub(super) connect: SpanId,
}

impl Ids {
    /// From a SHA-256 digest, whose input fits in one block: sixteen bytes for the trace and eight each for the spans. The span of
    /// the look-up repeats the first half of the trace id; the two are never compared.
    pub(super) fn new(seed: Seed, event: &Event) -> Self {
        let digest: [u8; 32] = Sha256::digest(input(seed, event)).into();
        let mut digest = digest.as_slice();
        let [first, second, third, fourth] = std::array::from_fn(|_| digest.get_u64());
        Self {
            trace: TraceId::from((u128::from(first) << 64 | u128::from(second)).max(1)),
            root: SpanId::from(third.max(1)),
            resolve: SpanId::from(first.max(1)),
            connect: SpanId::from(fourth.max(1)),
        }
    }
}

/// The id of an update span.
pub(super) fn update(seed: Seed, event: &Event) -> SpanId {
    let digest: [u8; 32] =
        Sha256::new().chain_update(input(seed, event)).chain_update(event.time.0.to_be_bytes()).finalize().into();
    SpanId::from(digest.as_slice().get_u64().max(1))
}

/// Identifies a connection: its socket, its beginning and its peer, because a call in the `syscalls` layer may send to many peers.
/// Where the beginning is unknown, the time of the only record takes its place.
fn input(seed: Seed, event: &Event) -> [u8; 50] {
    // The `sockets` layer identifies a socket by its cookie, which is unique since boot.
    let known = event.id.opened != 0 || event.layer == Layer::Sockets && event.preexisting;
    let began = if known { event.id.opened.to_be_bytes() } else { event.time.0.to_be_bytes() };
    let mut input = [0; 50];
    let parts: [&[u8]; 5] =
        [&seed.0, &event.id.socket.to_be_bytes(), &began, &address(event), &event.peer.port.unwrap_or(0).to_be_bytes()];
    input.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
    input
}

fn address(event: &Event) -> [u8; 16] {
    use std::net::IpAddr::{V4, V6};
    match event.peer.address {
        Some(V4(address)) => address.to_ipv6_mapped().octets(),
        Some(V6(address)) => address.octets(),
        None => [0; 16],
    }
}

#[cfg(test)]
mod tests {
    use egret_model::{ConnectionId, EventName, Timestamp};

    use super::*;

    fn event(socket: u64, opened: u64) -> Event {
        Event::new(EventName::ConnectionClose, Timestamp(7), ConnectionId { socket, opened }, Layer::Sockets)
    }

    #[test]
    fn ids_are_stable_and_unique_to_a_connection() {
        let (seed, other) = (Seed::from_boot_id("a"), Seed::from_boot_id("b\n"));
        let ids = Ids::new(seed, &event(1, 2));
        assert_eq!(ids, Ids::new(seed, &event(1, 2)));
        let mut to_another_peer = event(1, 2);
        to_another_peer.peer.port = Some(53);
        let others = [
            Ids::new(other, &event(1, 2)),
            Ids::new(seed, &event(2, 2)),
            Ids::new(seed, &event(1, 3)),
            Ids::new(seed, &to_another_peer),
        ];
        for another in others {
            assert_ne!(ids.trace, another.trace);
            assert_ne!(ids.root, another.root);
        }
    }

    #[test]
    fn unknown_beginning_is_replaced_by_the_time_of_the_record() {
        let seed = Seed::from_boot_id("a");
        let mut later = event(1, 0);
        later.time = Timestamp(8);
        assert_ne!(Ids::new(seed, &event(1, 0)).trace, Ids::new(seed, &later).trace);
    }
}
