//! A queue, as a worker reads it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use nfq::{Message, Queue, Verdict};
use rustix::net::sockopt;

use super::netlink::Control;
use super::returning::Returning;
use super::settings::{Settings, WorkersError};
use super::state::Table;
use crate::evaluate::FailurePolicy;

/// What the kernel counts against the socket for one packet that waits: the message, rounded up as kernel memory is, and
/// its control structures. On kernel 6.18 that is 832 bytes, however long the packet.
const CHARGE: usize = 1024;
/// Packets that are in hand beside those that wait: the slow path's parked ones, and the one that is looked at.
const IN_HAND: u32 = 512;

/// A queue that is read.
pub(super) struct Socket {
    queue: Queue,
    control: Arc<Control>,
    number: u16,
    /// Number of the last packet.
    last: Option<u32>,
    returning: Returning,
}

/// What came of reading.
pub(super) enum Received {
    /// A packet.
    Packet(Message),
    /// Something else: an error that passes, such as the one that somebody is woken by.
    Other,
    /// Nothing, for now.
    Empty,
}

impl Socket {
    /// Begins to read a queue. The first message about queues has the kernel load their module, if they are in one.
    pub(super) fn open(number: u16, settings: &Settings) -> Result<Self, WorkersError> {
        let bind = |source| bind_error(number, source, Table::open().is_ok());
        let configure = |source| WorkersError::Configure { number, source };
        let mut queue = Queue::open().map_err(bind)?;
        queue.bind(number).map_err(bind)?;
        let control = Arc::new(Control::of_queue(number).map_err(configure)?);
        let mut socket = Self { queue, control, number, last: None, returning: Returning::default() };
        socket.set_up(settings).map_err(configure)?;
        Ok(socket)
    }

    /// The socket's buffer is what bounds the number of packets that wait, rather than the length of the queue: the kernel
    /// numbers a packet before it finds the buffer full, so that one that it lets through unseen is seen to be missing.
    /// With a full queue it says nothing of that.
    fn set_up(&mut self, settings: &Settings) -> io::Result<()> {
        let length = usize::try_from(settings.queue_length).unwrap_or(usize::MAX).max(1);
        // The kernel doubles this value.
        sockopt::set_socket_recv_buffer_size_force(&*self.control, length.saturating_mul(CHARGE / 2))?;
        let is_open = settings.on_failure == FailurePolicy::Open;
        self.queue.set_fail_open(self.number, is_open)?;
        self.queue.set_queue_max_len(self.number, settings.queue_length.saturating_add(IN_HAND))?;
        // Segments that the card or the driver is to cut come as one packet, and without a checksum.
        self.queue.set_recv_gso(self.number, true)?;
        self.queue.set_copy_range(self.number, settings.copy_bytes)?;
        // Packets that came since the queue was bound may have been thrown away with the answers to the settings.
        self.control.repeat()
    }

    /// What others can do with it.
    pub(super) fn control(&self) -> Arc<Control> {
        Arc::clone(&self.control)
    }

    /// From now on, reading does not wait.
    pub(super) fn set_nonblocking(&mut self) {
        self.queue.set_nonblocking(true);
    }

    /// Lets no more packets in, and from now on, reading does not wait for any: what is read until it is empty is the rest.
    pub(super) fn shut(&mut self) {
        let _ = self.control.shut();
        self.set_nonblocking();
    }

    /// Reads.
    ///
    /// # Errors
    ///
    /// If nothing can be read any more.
    pub(super) fn receive(&mut self) -> io::Result<Received> {
        match self.queue.recv() {
            Ok(message) => Ok(Received::Packet(message)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Received::Empty),
            Err(error) if is_passing(&error) => Ok(Received::Other),
            Err(error) => Err(error),
        }
    }

    /// How many packets the kernel did not hand over since the last one.
    pub(super) fn missing(&mut self, message: &Message) -> u64 {
        let number = message.get_packet_id();
        let before = self.last.replace(number);
        before.map_or(0, |before| number.wrapping_sub(before).wrapping_sub(1).into())
    }

    /// Whether a packet comes here again and again.
    pub(super) fn returns(&mut self, message: &Message, now: Instant) -> bool {
        self.returning.note(message.get_payload(), now)
    }

    /// Sends a packet on, with a system call of its own. Several verdicts could share one (one and the same verdict even a
    /// message), but that saves only the entry into the kernel, where the time goes into handing packets over and sending each one
    /// on to where it goes. And what comes alone would wait for company.
    pub(super) fn settle(&mut self, mut message: Message, verdict: Verdict, mark: Option<u32>) -> io::Result<()> {
        if let Some(mark) = mark {
            message.set_nfmark(mark);
        }
        message.set_verdict(verdict);
        self.queue.verdict(message)
    }

    /// Ends reading. The kernel drops packets that have no verdict yet.
    pub(super) fn close(mut self) -> io::Result<()> {
        self.queue.unbind(self.number)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }
}

/// Why a queue cannot be read: by its own reason, or because the kernel has no queues and found no module that has them.
fn bind_error(number: u16, source: io::Error, has_queues: bool) -> WorkersError {
    if has_queues { WorkersError::Bind { number, source } } else { WorkersError::NoQueues { number, source } }
}

/// Whether the next packet can be read all the same: a signal came, the kernel answers a verdict on a packet
/// that is gone (its device went), it is short of memory, or had a packet longer than the configured copy range.
fn is_passing(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let passing = [Errno::INTR, Errno::NOENT, Errno::NOMEM, Errno::NOBUFS, Errno::NOSPC];
    Errno::from_io_error(error).is_some_and(|errno| passing.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_module_is_named() {
        let message = |has_queues| bind_error(7, io::Error::other("no"), has_queues).to_string();
        assert!(message(false).contains("modprobe nfnetlink_queue"), "{}", message(false));
        assert!(!message(true).contains("nfnetlink_queue"), "{}", message(true));
        assert!(message(true).contains("queue 7"), "{}", message(true));
    }
}
