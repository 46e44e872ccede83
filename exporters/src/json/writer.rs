//! A writer that remembers what it wrote of processes.

use std::sync::Arc;

use egret_model::{Event, Process};

use super::object::ObjectWriter;
use super::{write_event_with, write_process};

/// Processes remembered. A busy moment belongs to few of them; each takes the length of its part of a line, some
/// hundred bytes (with the longest arguments 24 KB).
const REMEMBERED: usize = 8;

/// Writes events. Half of a line is about the process, and the same for all events of a process: it is put together
/// once and copied from then on.
#[derive(Debug, Default)]
pub struct Writer {
    remembered: Vec<Remembered>,
    /// Which of them makes room next.
    next: usize,
}

#[derive(Debug)]
struct Remembered {
    /// Kept alive, so that its address stands for it.
    process: Arc<Process>,
    known_digests: (bool, bool),
    text: Vec<u8>,
}

impl Writer {
    /// Appends `event` to `out` as one JSON object and a newline, exactly as [`super::write_event`] does.
    pub fn write(&mut self, out: &mut Vec<u8>, event: &Event) {
        match &event.process {
            Some(process) => {
                let text = self.text_of(process);
                write_event_with(out, event, |object| object.members(text));
            }
            None => super::write_event(out, event),
        }
    }

    fn text_of(&mut self, process: &Arc<Process>) -> &[u8] {
        let known_digests = process.executable.known_digests();
        let is = |entry: &Remembered| entry.known_digests == known_digests && Arc::ptr_eq(&entry.process, process);
        let at = self.remembered.iter().position(is).unwrap_or_else(|| {
            let mut text = Vec::new();
            write_process(&mut ObjectWriter::members_only(&mut text), process);
            self.remember(Remembered { process: Arc::clone(process), known_digests, text })
        });
        self.remembered.get(at).map_or(&[], |entry| &entry.text)
    }

    fn remember(&mut self, entry: Remembered) -> usize {
        if self.remembered.len() < REMEMBERED {
            self.remembered.push(entry);
            return self.remembered.len() - 1;
        }
        let at = self.next;
        self.next = (self.next + 1) % REMEMBERED;
        if let Some(place) = self.remembered.get_mut(at) {
            *place = entry;
        }
        at
    }
}
