//! Transitions of stream sockets.

use egret_wire::{Kind, ProcessRef};

use crate::{Direction, Flags, HELLO_OVER, Peer, Phase, Platform, Socket};

impl Socket {
    /// A program connects the socket.
    #[inline(always)]
    pub fn begin_connect(&mut self, peer: Peer, process: ProcessRef, now: u64) {
        self.begin_flow(peer, process, now);
        self.flags = Flags::NONE;
        self.phase = Phase::Attempt;
    }

    /// The connection was granted.
    #[inline(always)]
    pub fn grant(&mut self) {
        self.flags = self.flags | Flags::GRANTED;
    }

    /// The socket is connected again, or released. Returns whether this ends an attempt that never sent a packet.
    /// Only the caller of `connect` knows why it failed.
    #[inline(always)]
    #[must_use]
    pub fn end_attempt(&mut self) -> bool {
        let is_attempt = self.phase == Phase::Attempt;
        if is_attempt {
            self.phase = Phase::Closed;
        }
        is_attempt
    }

    /// No connect hook ran before the SYN: a further subflow of multipath TCP, or a call that began before the start.
    #[inline(always)]
    pub fn adopt_connect(&mut self, process: ProcessRef, now: u64) {
        self.process = process;
        self.opened_ns = now;
        self.flags = Flags::BY_TUPLE;
    }

    /// The SYN is about to leave.
    #[inline(always)]
    pub fn syn_sent(&mut self) {
        self.phase = Phase::Connecting;
    }

    /// The SYN was not answered in time. Returns whether to report that: once.
    #[inline(always)]
    #[must_use]
    pub fn report_connect(&mut self) -> bool {
        let is_first = self.phase == Phase::Connecting && !self.flags.has(Flags::CONNECT_REPORTED);
        if is_first {
            self.flags = self.flags | Flags::CONNECT_REPORTED;
        }
        is_first
    }

    /// The handshake of a preexisting connect is complete: only user space may know its process.
    #[inline(always)]
    pub fn adopt_established(&mut self, now: u64) {
        self.opened_ns = now;
        self.flags = Flags::PREEXISTING | Flags::UNOWNED | Flags::WATCHED;
    }

    /// The handshake of a connect is complete.
    #[inline(always)]
    pub fn established(&mut self, now: u64) {
        self.established_ns = now;
        self.phase = Phase::Established;
    }

    /// The handshake of an accepted connection is complete. It begins with a copy of the listener's state, if
    /// there is one: the owner is the listener's.
    #[inline(always)]
    pub fn accepted(&mut self, now: u64) {
        self.opened_ns = now;
        self.established_ns = now;
        self.reset_totals();
        self.flags = Flags::INBOUND | Flags::UNOWNED;
        // The server's side of TLS has no name.
        self.hello = HELLO_OVER;
        self.phase = Phase::Established;
    }

    /// The socket begins to listen.
    #[inline(always)]
    pub fn listening(&mut self, process: ProcessRef, now: u64) {
        self.process = process;
        self.flags = Flags::LISTENER;
        self.phase = Phase::Listen;
        self.opened_ns = now;
    }

    /// First use of a preexisting connection.
    #[inline(always)]
    pub fn adopt_stream(&mut self, is_accepted: bool) {
        self.phase = Phase::Established;
        self.flags = Flags::PREEXISTING | Flags::UNOWNED | Flags::INBOUND.when(is_accepted);
    }

    /// A call sent or received data. The number of calls is not added atomically: two threads rarely use one
    /// direction of a stream at once.
    #[inline(always)]
    #[expect(clippy::cast_sign_loss, reason = "not negative")]
    pub fn moved_stream<P: Platform>(&mut self, platform: &P, result: i32, direction: Direction) {
        if result <= 0 {
            return;
        }
        let amount = result as u64;
        match direction {
            Direction::Sent => {
                P::add(&mut self.sent, amount);
                self.sends += 1;
            }
            Direction::Received => {
                P::add(&mut self.received, amount);
                self.receives += 1;
            }
        }
        platform.counted(self, amount, direction);
    }

    /// The first call on a socket whose owner was not known. Returns whether the process differs from that of the
    /// listener, which the record of the accept has named.
    #[inline(always)]
    #[must_use]
    pub fn take_owner(&mut self, process: ProcessRef) -> bool {
        self.flags = self.flags.without(Flags::UNOWNED);
        let is_known = self.process.pid == process.pid && self.process.exec_id == process.exec_id;
        let is_reported = !is_known || self.flags.has(Flags::PREEXISTING);
        if is_reported {
            self.process = process;
        }
        is_reported
    }

    /// The last TCP state: the connection has ended, or failed. Returns the record to write, if any.
    #[inline(always)]
    #[must_use]
    pub fn end_stream(&mut self) -> Option<Kind> {
        let kind = match self.phase {
            Phase::Connecting => Kind::Failed,
            Phase::Established => Kind::Closed,
            _ => return None,
        };
        self.phase = Phase::Closed;
        Some(kind)
    }

    /// A stream is released. Returns whether to report its end now: no other hook sees the end of a preexisting
    /// connection.
    #[inline(always)]
    #[must_use]
    pub fn release_stream(&mut self) -> bool {
        let is_last =
            self.phase == Phase::Established && self.flags.has(Flags::PREEXISTING) && !self.flags.has(Flags::WATCHED);
        if is_last {
            self.phase = Phase::Closed;
        }
        is_last
    }

    /// A socket is released that was not used since the start: user space may have listed it.
    #[inline(always)]
    pub fn release_unused(&mut self, is_accepted: bool) {
        self.flags = Flags::PREEXISTING | Flags::INBOUND.when(is_accepted);
        self.phase = Phase::Closed;
    }
}
