//! The ids of a connection's spans.
//!
//! They follow from the connection alone: whoever has its last record can say which trace tells of it, and no
//! generator of random numbers is asked for four of them a connection.

use bytes::Buf;
use egret_model::{Event, Layer};
use opentelemetry::{SpanId, TraceId};
use sha2::{Digest, Sha256};

/// What makes the ids of this host, since its last boot, differ from all others'.
#[derive(Clone, Copy, Debug)]
pub(in crate::otlp) struct Seed([u8; 16]);

impl Seed {
    /// A seed from the kernel's random name for this boot (`/proc/sys/kernel/random/boot_id`).
    pub(in crate::otlp) fn of_boot(boot_id: &str) -> Self {
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
    /// Eight bytes each of a SHA-256 digest, whose input fits in one block; the trace's are the first sixteen. A
    /// look-up's repeat the first half of the trace's: the two are never compared.
    pub(super) fn of(seed: Seed, event: &Event) -> Self {
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

/// The id of the span that says what a connection has moved up to now.
pub(super) fn update(seed: Seed, event: &Event) -> SpanId {
    let digest: [u8; 32] =
        Sha256::new().chain_update(input(seed, event)).chain_update(event.time.0.to_be_bytes()).finalize().into();
    SpanId::from(digest.as_slice().get_u64().max(1))
}

/// What tells one connection from all others: socket and beginning, and the peer, because a call of the `syscalls` layer
/// may send to many. Where the beginning is not known, the moment of the only record stands for it.
fn input(seed: Seed, event: &Event) -> [u8; 50] {
    // The `sockets` layer knows a socket by its cookie, which is unique since boot.
    let known = event.id.opened != 0 || event.layer == Layer::Sockets && event.standing;
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
    fn the_same_connection_has_the_same_ids_and_no_other_has() {
        let (seed, other) = (Seed::of_boot("a"), Seed::of_boot("b\n"));
        let ids = Ids::of(seed, &event(1, 2));
        assert_eq!(ids, Ids::of(seed, &event(1, 2)));
        let mut to_another_peer = event(1, 2);
        to_another_peer.peer.port = Some(53);
        let others = [
            Ids::of(other, &event(1, 2)),
            Ids::of(seed, &event(2, 2)),
            Ids::of(seed, &event(1, 3)),
            Ids::of(seed, &to_another_peer),
        ];
        for another in others {
            assert_ne!(ids.trace, another.trace);
            assert_ne!(ids.root, another.root);
        }
    }

    #[test]
    fn without_a_beginning_the_moment_tells_connections_apart() {
        let seed = Seed::of_boot("a");
        let mut later = event(1, 0);
        later.time = Timestamp(8);
        assert_ne!(Ids::of(seed, &event(1, 0)).trace, Ids::of(seed, &later).trace);
    }
}
