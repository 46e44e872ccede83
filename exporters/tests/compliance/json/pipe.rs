//! To a pipe, whose reader may be closed, slow or stuck.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::mem;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use egret_exporters::sink::DropReason;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::{numbers, sink};
use crate::running::until;
use crate::scenarios::Scenario;
use crate::subject::{ALL_ARRIVES, Condition, Destination, Expected, Holds, Ready, Subject};

/// Interval between two reads of a slow reader, and between two polls of an empty pipe.
const PAUSE: Duration = Duration::from_micros(500);

pub(crate) struct ToPipe;

impl Subject for ToPipe {
    fn name(&self) -> &'static str {
        "json_pipe"
    }

    fn expects(&self, scenario: Scenario) -> Expected {
        match scenario {
            Scenario::Load | Scenario::Slow => Expected::Account(ALL_ARRIVES.must_drop(DropReason::QueueFull)),
            Scenario::Dead => Expected::StartError,
            Scenario::FullDisk => Expected::Inapplicable("a pipe is on no disk"),
            // Bytes that one reader leaves in the pipe are read by the next.
            Scenario::Restart => Expected::Account(ALL_ARRIVES.must_drop(DropReason::WriteFailed)),
            Scenario::Drain => Expected::Account(ALL_ARRIVES),
            Scenario::Abandon => Expected::Account(ALL_ARRIVES.must_drop(DropReason::Shutdown)),
        }
    }

    fn destination(&self, directory: &Path, condition: Condition) -> Box<dyn Destination> {
        let path = directory.join("egret.pipe");
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        Box::new(Pipe::new(path, condition))
    }
}

/// A pipe and its reader.
struct Pipe {
    path: PathBuf,
    reader: Arc<Mutex<Reader>>,
}

impl Pipe {
    fn new(path: PathBuf, condition: Condition) -> Self {
        let pipe = Self { reader: Arc::new(Mutex::new(Reader::new(path.clone(), condition))), path };
        let reading = Arc::clone(&pipe.reader);
        thread::spawn(move || {
            while let Some(pause) = reading.lock().unwrap().turn() {
                thread::sleep(pause);
            }
        });
        pipe
    }

    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap()
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.reader().ended = true;
    }
}

impl Destination for Pipe {
    fn address(&self) -> String {
        self.path.display().to_string()
    }

    fn sink(&mut self) -> Result<Ready, String> {
        let sink = sink(&self.path)?;
        Ok(Box::new(|inbox| Box::pin(sink.run(inbox))))
    }

    fn set(&mut self, condition: Condition) {
        self.reader().set(condition);
    }

    fn holds(&mut self) -> Holds {
        self.set(Condition::Healthy);
        self.reader().ending = true;
        until("the end of the pipe", || self.reader().ended);
        let text = String::from_utf8(mem::take(&mut self.reader().text)).unwrap();
        // A partial line is not counted.
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        Holds::Events(numbers(whole))
    }
}

struct Reader {
    path: PathBuf,
    condition: Condition,
    pipe: Option<File>,
    text: Vec<u8>,
    /// The writer has ended, so that the pipe gets no more bytes.
    ending: bool,
    ended: bool,
}

impl Reader {
    fn new(path: PathBuf, condition: Condition) -> Self {
        let mut reader = Self { path, condition, pipe: None, text: Vec::new(), ending: false, ended: false };
        reader.set(condition);
        reader
    }

    fn set(&mut self, condition: Condition) {
        self.condition = condition;
        if condition == Condition::Dead {
            self.pipe = None;
        } else if self.pipe.is_none() {
            let nonblocking = OFlag::O_NONBLOCK.bits();
            self.pipe = Some(OpenOptions::new().read(true).custom_flags(nonblocking).open(&self.path).unwrap());
        }
    }

    /// Reads once; returns the pause before the next read, or `None` at the end.
    fn turn(&mut self) -> Option<Duration> {
        let length = match self.condition {
            Condition::Healthy => 64 << 10,
            Condition::Slow => 1 << 10,
            Condition::Dead | Condition::Stuck => 0,
        };
        let read = if length > 0 { self.read(length) } else { 0 };
        self.ended |= self.ending && read == 0;
        let pause = if read > 0 && self.condition == Condition::Healthy { Duration::ZERO } else { PAUSE };
        (!self.ended).then_some(pause)
    }

    fn read(&mut self, length: usize) -> usize {
        let mut piece = vec![0; length];
        match self.pipe.as_mut().unwrap().read(&mut piece) {
            Ok(read) => {
                self.text.extend(piece.drain(..read));
                read
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => panic!("cannot read from a pipe: {error}"),
        }
    }
}
