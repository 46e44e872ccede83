//! What transitions need of the kernel.

use egret_wire::{Kind, PeerKey, PeerTotals, ProcessRef};

use crate::{Direction, Peer, Socket};

/// Everything that transitions need beyond the state: clocks, tables and records in the kernel, plain values in
/// tests.
pub trait Platform {
    /// `CLOCK_BOOTTIME`, nanoseconds.
    fn now(&self) -> u64;
    /// Whether the start is so recent that datagrams sent before it may still be answered.
    fn is_recent(&self, now: u64) -> bool;
    /// Whether length tracepoints report every send and receive.
    fn counts_calls(&self) -> bool;
    /// Whether each send is reported.
    fn reports_every_send(&self) -> bool;
    /// The current process.
    fn process(&self) -> ProcessRef;
    /// The current thread; never zero.
    fn thread(&self) -> u64;
    /// A clock that is cheap to read.
    fn jiffies(&self) -> u64;
    /// How long a thread may lock a socket, by that clock.
    fn longest_hold(&self) -> u64;

    /// Adds atomically.
    fn add(word: &mut u64, amount: u64);
    /// Sets a word to `new` if it is `old`, atomically; returns its value before.
    fn exchange(word: &mut u64, old: u64, new: u64) -> u64;

    /// Totals of an earlier peer of a socket.
    fn find_peer(&self, key: &PeerKey) -> Option<&'static mut PeerTotals>;
    /// Returns whether there was room, and counts the loss otherwise.
    fn insert_peer(&self, key: &PeerKey, totals: &PeerTotals) -> bool;
    /// Removes an entry of the peer table.
    fn remove_peer(&self, key: &PeerKey);

    /// Keeps the peer of a thread's call; counts the loss if there is no room.
    fn keep_contended(&self, thread: u64, key: &PeerKey);
    /// Takes the peer that was kept for this thread's call.
    fn take_contended(&self, thread: u64) -> Option<PeerKey>;
    /// Counts bytes of an unknown peer, because two threads used the socket at once.
    fn lose(&self, bytes: u64);

    /// Port that the socket is connected to in the kernel; zero if it is not connected.
    fn connected_port(&self) -> u16;
    /// Peer that the socket is connected to in the kernel.
    fn connected_peer(&self, family: u16, port: u16) -> Peer;
    /// Sets the local endpoint from the kernel's socket.
    fn fill_local(&self, socket: &mut Socket);
    /// Sets the peer from the kernel's socket, if it is connected.
    fn fill_peer(&self, socket: &mut Socket);

    /// Called when the totals of the current peer have grown.
    fn counted(&self, socket: &Socket, amount: u64, direction: Direction);
    /// Called before the totals of the current peer leave the socket.
    fn withdraw(&self, socket: &Socket);
    /// Writes a record.
    fn report(&self, kind: Kind, time_ns: u64, socket: &Socket, error: i32);
}
