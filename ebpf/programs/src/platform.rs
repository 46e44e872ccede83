//! The platform of a socket's transitions: the kernel.

use core::ffi::c_void;

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::generated::bpf_jiffies64;
use egret_state::{Direction, Peer, Platform, Socket};
use egret_wire::{CONFIG_EVERY_SEND, CONFIG_LENGTHS, Counter, Kind, PeerKey, PeerTotals, ProcessRef};

use crate::config::{has, setting};
use crate::kernel::load;
use crate::maps::{CONTENDED, PEERS, count};
use crate::record::{self, Detail};
use crate::{atomic, interface, process, sock, start, totals, unreleased};

const AF_PACKET: u16 = 17;

/// The kernel, and the socket that a hook runs for: a typed pointer to a `struct sock` in a length tracepoint, or
/// the result of [`crate::kernel::address_of`] for the socket of a context.
#[derive(Clone, Copy)]
pub(crate) struct Kernel {
    pub(crate) sk: *mut c_void,
}

impl Platform for Kernel {
    #[inline(always)]
    fn now(&self) -> u64 {
        record::now()
    }

    #[inline(always)]
    fn is_recent(&self, now: u64) -> bool {
        start::is_recent(now)
    }

    #[inline(always)]
    fn counts_calls(&self) -> bool {
        has(CONFIG_LENGTHS)
    }

    #[inline(always)]
    fn reports_every_send(&self) -> bool {
        has(CONFIG_EVERY_SEND)
    }

    #[inline(always)]
    fn process(&self) -> ProcessRef {
        process::current()
    }

    #[inline(always)]
    fn thread(&self) -> u64 {
        bpf_get_current_pid_tgid()
    }

    #[inline(always)]
    fn jiffies(&self) -> u64 {
        // SAFETY: a helper without arguments; the verifier replaces it by a load.
        unsafe { bpf_jiffies64() }
    }

    /// A second at 1000 Hz, longer at lower rates.
    #[inline(always)]
    fn longest_hold(&self) -> u64 {
        u64::from(setting!(busy_jiffies))
    }

    #[inline(always)]
    fn add(word: &mut u64, amount: u64) {
        atomic::add(word, amount);
    }

    #[inline(always)]
    fn exchange(word: &mut u64, old: u64, new: u64) -> u64 {
        atomic::exchange(word, old, new)
    }

    #[inline(always)]
    fn find_peer(&self, key: &PeerKey) -> Option<&'static mut PeerTotals> {
        // SAFETY: a pointer from the map, valid for this run.
        PEERS.get_ptr_mut(key).map(|totals| unsafe { &mut *totals })
    }

    #[inline(always)]
    fn insert_peer(&self, key: &PeerKey, totals: &PeerTotals) -> bool {
        let has_room = PEERS.insert(key, totals, 0).is_ok();
        if !has_room {
            count(Counter::PeerTable, 1);
        }
        has_room
    }

    #[inline(always)]
    fn remove_peer(&self, key: &PeerKey) {
        let _ = PEERS.remove(key);
    }

    #[inline(always)]
    fn keep_contended(&self, thread: u64, key: &PeerKey) {
        if CONTENDED.insert(thread, key, 0).is_err() {
            count(Counter::PeerTable, 1);
        }
    }

    #[inline(always)]
    fn take_contended(&self, thread: u64) -> Option<PeerKey> {
        // SAFETY: the entry is this thread's own.
        let key = *unsafe { CONTENDED.get(thread) }?;
        let _ = CONTENDED.remove(thread);
        Some(key)
    }

    #[inline(always)]
    fn lose(&self, bytes: u64) {
        count(Counter::PeerContended, bytes);
    }

    #[inline(always)]
    fn connected_port(&self) -> u16 {
        // SAFETY: only length tracepoints call this: `sk` is their typed argument.
        u16::from_be(unsafe { load(self.sk.cast(), setting!(skc_dport)) })
    }

    #[inline(always)]
    fn connected_peer(&self, family: u16, port: u16) -> Peer {
        let address = sock::connected_address(self.sk, family);
        Peer { address, port, interface: interface::read(self.sk, address) }
    }

    #[inline(always)]
    fn fill_local(&self, socket: &mut Socket) {
        sock::fill_local(socket, self.sk);
    }

    #[inline(always)]
    fn fill_peer(&self, socket: &mut Socket) {
        sock::fill_peer(socket, self.sk);
    }

    #[inline(always)]
    fn counted(&self, socket: &Socket, amount: u64, direction: Direction) {
        if socket.family == AF_PACKET {
            // No hook sees its release, at which its slot among the totals would be freed.
            unreleased::moved(socket, self.sk, amount, direction);
        } else {
            totals::publish(socket);
        }
    }

    #[inline(always)]
    fn withdraw(&self, socket: &Socket) {
        totals::withdraw(socket);
    }

    #[inline(always)]
    fn report(&self, kind: Kind, time_ns: u64, socket: &Socket, error: i32) {
        record::write(kind, time_ns, socket, Detail { error, ..Detail::default() });
    }
}
