//! Lines on their way to the destination.

use egret_model::{Arguments, Event};

use super::writer::Writer;

/// Written once there is this much: a batch of the usual size fits, so that it takes one system call. The buffer is
/// at most this and one line long.
const FULL: usize = 256 << 10;

/// Lines that are not written yet, or only in part.
#[derive(Debug, Default)]
pub(super) struct Lines {
    writer: Writer,
    text: Vec<u8>,
    /// Bytes of `text` that are written.
    written: usize,
    /// Bytes of `text` up to the end of the last line that is written whole.
    whole: usize,
    /// Lines that are not written whole.
    left: u64,
}

impl Lines {
    pub(super) fn new(arguments: Arguments) -> Self {
        Self { writer: Writer::new(arguments), ..Self::default() }
    }

    pub(super) fn push(&mut self, event: &Event) {
        self.writer.write(&mut self.text, event);
        self.left += 1;
    }

    pub(super) const fn are_full(&self) -> bool {
        self.text.len() >= FULL
    }

    /// What is not written yet.
    pub(super) fn unwritten(&self) -> &[u8] {
        self.text.get(self.written..).unwrap_or_default()
    }

    /// Notes that so many more bytes are written, and says how many lines that ended.
    pub(super) fn wrote(&mut self, bytes: usize) -> u64 {
        let before = self.written;
        self.written = self.text.len().min(before + bytes);
        let new = self.text.get(before..self.written).unwrap_or_default();
        // There is one newline in a line: all others are escaped.
        let ended = new.iter().map(|byte| u64::from(*byte == b'\n')).sum();
        if let Some(last) = new.iter().rposition(|byte| *byte == b'\n') {
            self.whole = before + last + 1;
        }
        self.left -= ended;
        ended
    }

    /// Bytes written of a line that is not written whole.
    pub(super) const fn torn(&self) -> usize {
        self.written - self.whole
    }

    /// Forgets all lines, and says how many of them were not written whole.
    pub(super) fn clear(&mut self) -> u64 {
        self.text.clear();
        (self.written, self.whole) = (0, 0);
        std::mem::take(&mut self.left)
    }
}

#[cfg(test)]
mod tests {
    use egret_model::{ConnectionId, EventName, Layer, Timestamp};

    use super::*;

    fn event(opened: u64) -> Event {
        Event::new(EventName::Listen, Timestamp(0), ConnectionId { socket: 1, opened }, Layer::Sockets)
    }

    #[test]
    fn lines_are_counted_when_they_are_whole() {
        let mut lines = Lines::default();
        (0..3).for_each(|opened| lines.push(&event(opened)));
        let length = lines.unwritten().len() / 3;
        assert_eq!((lines.wrote(length - 1), lines.torn()), (0, length - 1));
        assert_eq!((lines.wrote(1), lines.torn()), (1, 0));
        assert_eq!((lines.wrote(length + 5), lines.torn()), (1, 5));
        assert_eq!(lines.unwritten().len(), length - 5);
        assert_eq!(lines.clear(), 1);
        assert_eq!((lines.unwritten().len(), lines.torn(), lines.clear()), (0, 0, 0));
    }
}
