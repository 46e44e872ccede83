//! The buffer of encoded lines.

use egret_model::Event;

use super::Writer;

/// The buffer is flushed at this length. A batch of usual size fits and takes one system call. The buffer is at most one line
/// longer.
const FULL: usize = 256 << 10;

/// Lines that are not or only partly written.
#[derive(Debug)]
pub(crate) struct Lines {
    writer: Writer,
    text: Vec<u8>,
    /// Bytes of `text` that are written.
    written: usize,
    /// End of the last line in `text` that is completely written.
    complete: usize,
    /// Lines that are not completely written.
    pending: u64,
}

impl Lines {
    pub(crate) const fn new(writer: Writer) -> Self {
        Self { writer, text: Vec::new(), written: 0, complete: 0, pending: 0 }
    }

    pub(crate) fn push(&mut self, event: &Event) {
        self.writer.write(&mut self.text, event);
        self.pending += 1;
    }

    pub(crate) const fn are_full(&self) -> bool {
        self.text.len() >= FULL
    }

    /// The bytes that are not written.
    pub(crate) fn unwritten(&self) -> &[u8] {
        self.text.get(self.written..).unwrap_or_default()
    }

    /// Marks `bytes` more bytes as written and returns how many lines that completed.
    pub(crate) fn advance(&mut self, bytes: usize) -> u64 {
        let before = self.written;
        self.written = self.text.len().min(before + bytes);
        let new = self.text.get(before..self.written).unwrap_or_default();
        // A line has one newline: all others are escaped.
        let completed = new.iter().map(|byte| u64::from(*byte == b'\n')).sum();
        if let Some(last) = new.iter().rposition(|byte| *byte == b'\n') {
            self.complete = before + last + 1;
        }
        self.pending -= completed;
        completed
    }

    /// Bytes written of a line that is not completely written.
    pub(crate) const fn partial(&self) -> usize {
        self.written - self.complete
    }

    /// Discards all lines and returns how many were not completely written.
    pub(crate) fn clear(&mut self) -> u64 {
        self.text.clear();
        (self.written, self.complete) = (0, 0);
        std::mem::take(&mut self.pending)
    }
}

#[cfg(test)]
mod tests {
    use egret_model::{Arguments, ConnectionId, EventName, Layer, Timestamp};

    use super::*;

    fn event(opened: u64) -> Event {
        Event::new(EventName::Listen, Timestamp(0), ConnectionId { socket: 1, opened }, Layer::Sockets)
    }

    #[test]
    fn lines_count_once_they_are_completely_written() {
        let mut lines = Lines::new(Writer::new(Arguments::default()));
        (0..3).for_each(|opened| lines.push(&event(opened)));
        let length = lines.unwritten().len() / 3;
        assert_eq!((lines.advance(length - 1), lines.partial()), (0, length - 1));
        assert_eq!((lines.advance(1), lines.partial()), (1, 0));
        assert_eq!((lines.advance(length + 5), lines.partial()), (1, 5));
        assert_eq!(lines.unwritten().len(), length - 5);
        assert_eq!(lines.clear(), 1);
        assert_eq!((lines.unwritten().len(), lines.partial(), lines.clear()), (0, 0, 0));
    }
}
