//! Transitions of datagram and raw sockets.

use core::ptr;

use egret_wire::{Kind, PeerKey, PeerTotals, ProcessRef};

use crate::{Direction, Flags, Peer, Phase, Platform, Socket, add_moved, first_moved};

const AF_PACKET: u16 = 17;
pub(crate) const IPPROTO_UDP: u16 = 17;
const IPPROTO_UDPLITE: u16 = 136;
pub(crate) const EAGAIN: i32 = 11;

impl Socket {
    /// A hook sees the socket for the first time. `flags` are those of its direction.
    #[inline(always)]
    pub fn begin_datagram(&mut self, flags: Flags) {
        self.phase = Phase::Datagram;
        self.flags = self.flags | flags;
    }

    /// A raw or ICMP socket was created, whose peers no hook names.
    #[inline(always)]
    pub fn created(&mut self, process: ProcessRef, now: u64) {
        self.phase = Phase::Datagram;
        self.unreported = 1;
        self.opened_ns = now;
        self.process = process;
    }

    /// First use of a preexisting socket, or of one of a kind that no other hook announces.
    #[inline(always)]
    pub fn adopt_datagram(&mut self, flags: Flags) {
        self.phase = Phase::Datagram;
        self.flags = flags;
        self.unreported = 1;
    }

    /// A hook names the peer of the datagram that this thread is about to send, or has received.
    #[inline(always)]
    pub fn name_peer<P: Platform>(&mut self, platform: &P, peer: Peer, first: Flags) {
        let thread = platform.thread();
        if self.lock(platform, thread) {
            self.set_callers_peer(platform, peer, first);
        } else {
            self.contend(platform, thread, &peer.key(self.cookie));
        }
    }

    /// Locks the socket until the length tracepoint of this thread runs. Returns whether it is locked.
    #[inline(always)]
    fn lock<P: Platform>(&mut self, platform: &P, thread: u64) -> bool {
        let now = platform.jiffies();
        let other = P::exchange(&mut self.busy, 0, thread);
        if other != 0 && other != thread {
            // Only a call that waits for memory to send takes so long. The tracepoint of others was skipped by the
            // kernel, or is about to run.
            if now - self.busy_since < platform.longest_hold() {
                return false;
            }
            let key = self.key();
            self.contend(platform, other, &key);
            if P::exchange(&mut self.busy, other, thread) != other {
                return false;
            }
        }
        self.busy_since = now;
        true
    }

    /// Keeps the peer of a thread's call while another thread has locked the socket.
    #[inline(always)]
    fn contend<P: Platform>(&mut self, platform: &P, thread: u64, key: &PeerKey) {
        self.flags = self.flags | Flags::SHARED;
        platform.keep_contended(thread, key);
    }

    /// Takes the peer of this thread's call, if it was kept while another thread had locked the socket.
    #[inline(always)]
    fn contended<P: Platform>(&self, platform: &P, thread: u64) -> Option<PeerKey> {
        if !self.flags.has(Flags::SHARED) {
            return None;
        }
        let key = platform.take_contended(thread)?;
        // It is that of another socket if the kernel skipped the tracepoint of an earlier call.
        (key.cookie == self.cookie).then_some(key)
    }

    #[inline(always)]
    fn unlock(&mut self) {
        // SAFETY: a valid word; volatile, so that it is written last.
        unsafe { ptr::write_volatile(&raw mut self.busy, 0) };
    }

    /// Makes `peer` the current peer, with the current process. Returns whether it is new.
    #[inline(always)]
    pub fn set_callers_peer<P: Platform>(&mut self, platform: &P, peer: Peer, first: Flags) -> bool {
        let is_new = self.set_peer(platform, peer, first);
        if is_new {
            self.process = platform.process();
        }
        is_new
    }

    /// Makes `peer` the current peer. Returns whether it is new; the caller sets its process.
    #[inline(always)]
    pub fn set_peer<P: Platform>(&mut self, platform: &P, peer: Peer, first: Flags) -> bool {
        if self.is_current(peer) && self.opened_ns != 0 {
            return false;
        }
        self.flush_totals(platform);
        let away = Flags::AWAY.when(self.flags.has(Flags::CONNECTED));
        self.assign_peer(peer);
        self.flags = self.flags.without(Flags::PEER) | away;
        self.unreported = 0;
        if self.resume(platform) {
            return false;
        }
        self.opened_ns = platform.now();
        self.flags = self.flags | first;
        if first.has(Flags::FIRST_INBOUND) {
            self.flags = self.flags | self.received_first(platform, self.opened_ns);
        }
        self.unreported = 1;
        true
    }

    /// The flags of a peer whose first datagram was received.
    #[inline(always)]
    fn received_first<P: Platform>(&self, platform: &P, now: u64) -> Flags {
        if self.flags.has(Flags::ANSWERED) && platform.is_recent(now) { Flags::PREEXISTING } else { Flags::INBOUND }
    }

    /// Whether the first datagram between the socket and `peer` came from the peer.
    #[inline(always)]
    #[must_use]
    pub fn answers<P: Platform>(&self, platform: &P, peer: Peer) -> bool {
        if self.is_current(peer) {
            return self.flags.has(Flags::INBOUND);
        }
        // Another thread has locked the socket.
        let is_inbound = |totals: &mut PeerTotals| Flags::kept(totals).has(Flags::INBOUND);
        self.flags.has(Flags::PEER_SPILLED) && platform.find_peer(&peer.key(self.cookie)).is_some_and(is_inbound)
    }

    /// Continues with the entry of the current peer in the peer table. Returns whether there is one.
    #[inline(always)]
    fn resume<P: Platform>(&mut self, platform: &P) -> bool {
        if !self.flags.has(Flags::PEER_SPILLED) {
            return false;
        }
        let Some(known) = platform.find_peer(&self.key()) else { return false };
        self.opened_ns = known.opened_ns;
        self.flags = self.flags | Flags::RESUMED | Flags::kept(known).only(Flags::KEPT);
        true
    }

    /// Moves the totals of the current peer to the peer table, if there are any.
    #[inline(always)]
    fn flush_totals<P: Platform>(&mut self, platform: &P) {
        if !self.has_moved() && !self.is_reported_unused(platform) {
            return;
        }
        // First, so that no reader counts the totals twice.
        platform.withdraw(self);
        self.store_totals(platform);
        self.flags = self.flags | Flags::PEER_SPILLED;
        self.reset_totals();
    }

    /// Whether the current peer was reported when a call named it, before any data.
    #[inline(always)]
    fn is_reported_unused<P: Platform>(&self, platform: &P) -> bool {
        !platform.counts_calls() && self.unreported == 0 && self.opened_ns != 0
    }

    /// Adds the totals to those of the current peer in the peer table.
    #[inline(always)]
    fn store_totals<P: Platform>(&mut self, platform: &P) {
        let key = self.key();
        if let Some(totals) = platform.find_peer(&key) {
            // Usually one direction only.
            if self.sends != 0 {
                P::add(&mut totals.sent, self.sent);
                P::add(&mut totals.sends, self.sends);
            }
            if self.receives != 0 {
                P::add(&mut totals.received, self.received);
                P::add(&mut totals.receives, self.receives);
            }
            return;
        }
        let partial = Flags::PEER_PARTIAL.when(self.flags.has(Flags::RESUMED));
        let totals = PeerTotals {
            opened_ns: self.opened_ns,
            sent: self.sent,
            received: self.received,
            sends: self.sends,
            receives: self.receives,
            flags: (self.flags.only(Flags::KEPT) | partial).to_kept(),
        };
        self.insert(platform, &key, &totals);
    }

    #[inline(always)]
    fn insert<P: Platform>(&mut self, platform: &P, key: &PeerKey, totals: &PeerTotals) {
        if platform.insert_peer(key, totals) {
            P::add(&mut self.spilled, 1);
        }
    }

    /// Adds the totals in the peer table to those of the current peer, and removes the entry.
    #[inline(always)]
    fn take_totals<P: Platform>(&mut self, platform: &P) {
        let key = self.key();
        if let Some(totals) = platform.find_peer(&key) {
            self.sent += totals.sent;
            self.received += totals.received;
            self.sends += totals.sends;
            self.receives += totals.receives;
            self.flags = self.flags | Flags::kept(totals);
            platform.remove_peer(&key);
            self.spilled -= 1;
        } else if self.flags.has(Flags::RESUMED) {
            self.flags = self.flags | Flags::PEER_PARTIAL;
        }
    }

    /// The socket is connected to a peer. Returns whether the peer is new.
    #[inline(always)]
    pub fn connect<P: Platform>(&mut self, platform: &P, peer: Peer, now: u64) -> bool {
        // A connect to the current peer does not begin a flow.
        if !(self.is_current(peer) && self.has_moved()) {
            self.reconnect(platform);
            self.begin_flow(peer, platform.process(), now);
        }
        self.phase = Phase::Datagram;
        self.flags = self.flags.without(Flags::AWAY) | Flags::CONNECTED | Flags::REQUESTED;
        if self.has_moved() {
            return false;
        }
        if self.resume(platform) {
            self.unreported = 0;
            return false;
        }
        true
    }

    /// A connect replaces the current peer. A call of another thread that is in progress keeps it.
    #[inline(always)]
    fn reconnect<P: Platform>(&mut self, platform: &P) {
        let other = self.busy;
        if other != 0 && other != platform.thread() {
            let key = self.key();
            self.contend(platform, other, &key);
            let _ = P::exchange(&mut self.busy, other, 0);
        }
        self.flush_totals(platform);
        self.flags = self.flags.without(Flags::PEER);
        self.unreported = 1;
    }

    /// The current peer was reported without its first datagram.
    #[inline(always)]
    pub fn set_reported(&mut self) {
        self.unreported = 0;
    }

    /// Whether the first datagram of the current peer is not reported yet.
    #[inline(always)]
    #[must_use]
    pub const fn is_unreported(&self) -> bool {
        self.unreported != 0
    }

    /// The socket is no longer connected: from now on the peer is only known if a hook names it.
    #[inline(always)]
    fn disconnect<P: Platform>(&mut self, platform: &P) {
        self.flush_totals(platform);
        self.flags = self.flags.without(Flags::PEER).without(Flags::CONNECTED).without(Flags::REQUESTED);
        self.assign_peer(Peer { address: [0; 2], port: 0, interface: 0 });
        self.opened_ns = platform.now();
        self.unreported = 1;
    }

    /// Port that a UDP socket is connected to, for a datagram without a hook, if the current peer may differ.
    #[inline(always)]
    fn connected_elsewhere<P: Platform>(&self, platform: &P) -> Option<u16> {
        if !self.flags.has(Flags::CONNECTED) || !matches!(self.protocol, IPPROTO_UDP | IPPROTO_UDPLITE) {
            return None;
        }
        let port = platform.connected_port();
        (port == 0 || self.flags.has(Flags::AWAY | Flags::REQUESTED)).then_some(port)
    }

    /// Makes the peer that the socket is connected to the current one.
    #[inline(always)]
    fn set_connected_peer<P: Platform>(&mut self, platform: &P, port: u16) {
        if port == 0 {
            self.disconnect(platform);
        } else {
            let peer = platform.connected_peer(self.family, port);
            self.set_callers_peer(platform, peer, Flags::NONE);
            self.flags = self.flags.without(Flags::AWAY).without(Flags::REQUESTED);
        }
    }

    /// A length tracepoint ran for a call that neither sent nor received data.
    #[inline(always)]
    pub fn nothing_moved<P: Platform>(&mut self, platform: &P) {
        let thread = platform.thread();
        if self.busy == thread {
            self.unlock();
        } else {
            let _ = self.contended(platform, thread);
        }
    }

    /// A length tracepoint: `result` bytes were sent or received, or the call failed with that negative errno.
    #[inline(always)]
    #[expect(clippy::cast_sign_loss, reason = "not negative")]
    pub fn moved<P: Platform>(&mut self, platform: &P, result: i32, direction: Direction) {
        let thread = platform.thread();
        let mut is_locked = self.busy == thread;
        if !is_locked {
            if let Some(key) = self.contended(platform, thread) {
                self.moved_contended(platform, &key, result, direction);
                return;
            }
            if let Some(port) = self.connected_elsewhere(platform) {
                if !self.lock(platform, thread) {
                    if result > 0 {
                        platform.lose(result as u64);
                    }
                    return;
                }
                self.set_connected_peer(platform, port);
                is_locked = port != 0;
                if !is_locked {
                    self.unlock();
                }
            }
        }
        self.count_and_report(platform, result, direction, is_locked);
        if is_locked {
            self.unlock();
        }
    }

    /// A packet was sent to or received from the current peer.
    #[inline(always)]
    pub fn moved_packet<P: Platform>(&mut self, platform: &P, amount: i32, direction: Direction) {
        self.count_and_report(platform, amount, direction, true);
    }

    #[inline(always)]
    fn count_and_report<P: Platform>(&mut self, platform: &P, result: i32, direction: Direction, is_locked: bool) {
        let is_counted = self.count(platform, result, direction, is_locked);
        let error = if result < 0 { -result } else { 0 };
        if is_counted && self.claim_report::<P>(error, direction) {
            self.report_first(platform, error, direction, is_locked);
        } else if direction == Direction::Sent && platform.reports_every_send() {
            platform.report(Kind::Send, platform.now(), self, error);
        }
    }

    /// Adds to the totals of the current peer. Returns whether the datagram belongs to it.
    #[inline(always)]
    #[expect(clippy::cast_sign_loss, reason = "not negative")]
    fn count<P: Platform>(&mut self, platform: &P, result: i32, direction: Direction, is_locked: bool) -> bool {
        if !is_locked && self.may_be_of_another(direction) {
            if result > 0 {
                platform.lose(result as u64);
            }
            return false;
        }
        // Empty datagrams count.
        if result < 0 {
            return true;
        }
        let amount = result as u64;
        if direction == Direction::Sent {
            P::add(&mut self.sent, amount);
            P::add(&mut self.sends, 1);
        } else {
            P::add(&mut self.received, amount);
            P::add(&mut self.receives, 1);
        }
        platform.counted(self, amount, direction);
        true
    }

    /// Whether a datagram of which no hook has named the peer may be that of another one than the current.
    #[inline(always)]
    fn may_be_of_another(&self, direction: Direction) -> bool {
        // A send named the peer and failed: nothing shows that the peer sends at all.
        let is_idle = direction == Direction::Received && self.unreported != 0 && self.peer != [0; 2];
        !self.flags.has(Flags::CONNECTED) && (self.flags.has(Flags::PEER_SPILLED) || is_idle)
    }

    /// Claims the report of the first datagram of the current peer, or of the first failure before it. Returns
    /// whether this call has it.
    #[inline(always)]
    fn claim_report<P: Platform>(&mut self, error: i32, direction: Direction) -> bool {
        if self.unreported == 0 {
            return false;
        }
        if error == 0 {
            return self.claim_first::<P>();
        }
        let is_failure = direction == Direction::Sent && error != EAGAIN && !self.flags.has(Flags::SEND_FAILED);
        if is_failure {
            self.flags = self.flags | Flags::SEND_FAILED;
        }
        is_failure
    }

    /// Claims the report of the first datagram of the current peer: one of several threads has it.
    #[inline(always)]
    fn claim_first<P: Platform>(&mut self) -> bool {
        P::exchange(&mut self.unreported, 1, 0) == 1
    }

    /// Reports the first datagram of the current peer, or its failure. `is_named`: the peer is certain.
    #[inline(always)]
    fn report_first<P: Platform>(&mut self, platform: &P, error: i32, direction: Direction, is_named: bool) {
        // A program that connects speaks first, but to that peer alone.
        let is_connected = self.flags.has(Flags::CONNECTED) && !self.flags.has(Flags::AWAY);
        let is_known = is_connected || self.flags.has(Flags::FIRST_INBOUND);
        let is_certain = is_named || self.peer == [0; 2];
        if direction == Direction::Received && is_certain && !is_known && self.sends == 0 {
            self.flags = self.flags | self.received_first(platform, platform.now());
        }
        platform.fill_local(self);
        if self.peer == [0; 2] && self.family != AF_PACKET {
            platform.fill_peer(self);
        }
        // Where calls are not counted this is a hook on packets, which may not ask for the process.
        if self.process.pid == 0 && platform.counts_calls() {
            self.process = platform.process();
        }
        platform.report(Kind::Datagram, platform.now(), self, error);
    }

    /// The same as [`Self::moved`] for a peer that is not the current one, because another thread had locked the
    /// socket.
    #[inline(always)]
    #[expect(clippy::cast_sign_loss, reason = "not negative")]
    fn moved_contended<P: Platform>(&mut self, platform: &P, key: &PeerKey, result: i32, direction: Direction) {
        let is_sent = direction == Direction::Sent;
        let is_current = self.is_current(Peer::from_key(key));
        let now = platform.now();
        let mut view = *self;
        view.flags = view.flags.without(Flags::KEPT).without(Flags::CONNECTED);
        if !is_sent {
            view.flags = view.flags | self.received_first(platform, now);
        }
        view.opened_ns = if is_current { self.opened_ns } else { now };
        let mut error = 0;
        let known = platform.find_peer(key);
        if result < 0 {
            error = -result;
            if known.is_some() || is_current || !is_sent || error == EAGAIN {
                return;
            }
            view.reset_totals();
        } else {
            self.flags = self.flags | Flags::PEER_SPILLED;
            let amount = result as u64;
            let is_known = known.is_some();
            if let Some(totals) = known {
                add_moved::<P>(totals, amount, direction);
            } else {
                let flags = view.flags.only(Flags::KEPT).to_kept();
                self.insert(platform, key, &PeerTotals { flags, ..first_moved(view.opened_ns, amount, direction) });
            }
            // The current peer is reported once, by the first thread.
            let is_first = if is_current { self.claim_first::<P>() } else { !is_known };
            if !is_first {
                return;
            }
            let first = first_moved(now, amount, direction);
            (view.sent, view.received, view.sends, view.receives) =
                (first.sent, first.received, first.sends, first.receives);
        }
        view.assign_peer(Peer::from_key(key));
        view.process = platform.process();
        if view.local_port == 0 {
            platform.fill_local(&mut view);
        }
        platform.report(Kind::Datagram, now, &view, error);
    }

    /// An error was set on the socket. Returns whether to report it: once a peer, because a program that keeps
    /// sending to a closed port would cause a record for each datagram.
    #[inline(always)]
    #[must_use]
    pub fn report_error(&mut self) -> bool {
        let is_first = self.phase == Phase::Datagram && !self.flags.has(Flags::ERROR_REPORTED);
        if is_first {
            self.flags = self.flags | Flags::ERROR_REPORTED;
        }
        is_first
    }

    /// The socket is released. Returns whether to report its end: not if it was created, perhaps connected, and
    /// never used.
    #[inline(always)]
    #[must_use]
    pub fn release_datagram<P: Platform>(&mut self, platform: &P) -> bool {
        platform.withdraw(self);
        let has_spilled = self.flags.has(Flags::PEER_SPILLED);
        if has_spilled {
            self.take_totals(platform);
        }
        self.phase = Phase::Closed;
        let is_reported = self.unreported == 0 && (platform.counts_calls() || self.opened_ns != 0);
        self.has_moved() || has_spilled || is_reported
    }
}
