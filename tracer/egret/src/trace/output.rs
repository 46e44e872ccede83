//! The output thread of a trace.

use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result};
use egret_args::{Format, TraceOptions};
use egret_capture::host::{Digester, Known, Limits};
use egret_exporters::json;
use egret_model::{Event, EventName};
use egret_view::LogFormat;
use egret_view::filter::Filter;
use egret_view::sums::Sums;
use egret_view::table::{Table, TableStyle};
use nix::sys::stat::{SFlag, fstat};

use super::recorder::Recorder;

/// Capacity of the channel to the output thread. A batch is at most a few thousand events of about 400 bytes, so it takes at
/// most some megabytes. While it is full, the capturing thread waits.
const BATCHES: usize = 4;

/// The handle of the output thread.
pub(super) struct Output {
    batches: SyncSender<Vec<Event>>,
    writer: JoinHandle<io::Result<()>>,
    closed: Arc<AtomicBool>,
    /// Events sent to the writer.
    sent: AtomicU64,
    /// Events that were written or filtered.
    done: Arc<AtomicU64>,
    pipe: bool,
}

impl Output {
    pub(super) fn start(options: &TraceOptions) -> Result<Self> {
        let start = |directory| Recorder::start(directory, options.arguments.into());
        let recorder = options.parquet.as_deref().map(start).transpose()?;
        let (batches, inbox) = sync_channel(BATCHES);
        let closed = Arc::new(AtomicBool::new(false));
        let done = Arc::<AtomicU64>::default();
        let writer = Writer {
            form: Form::new(options),
            filter: options.filter.clone(),
            digester: digester(options)?,
            totals: options.totals.is_some(),
            recorder,
            text: Vec::new(),
            done: Arc::clone(&done),
        };
        let closing = Arc::clone(&closed);
        let writer = thread::spawn(move || {
            let result = writer.run(&inbox);
            closing.store(true, Ordering::Relaxed);
            result
        });
        Ok(Self { batches, writer, closed, sent: AtomicU64::new(0), done, pipe: is_pipe() })
    }

    /// Sends a batch; blocks while the writer is behind. A batch for a closed output is dropped.
    pub(super) fn send(&self, batch: Vec<Event>) {
        if !batch.is_empty() {
            self.sent.fetch_add(count(&batch), Ordering::Relaxed);
            // Fails only if the writer could not write, which `finish` reports.
            let _ = self.batches.send(batch);
        }
    }

    /// Whether the reader has closed the output.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Marks the output as closed by its reader.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Whether standard output is a pipe or socket, whose reader can close it.
    pub(super) fn is_pipe(&self) -> bool {
        self.pipe
    }

    /// Writes the rest, and returns the number of events that were not written. A closed pipe is not an error.
    pub(super) fn finish(self) -> io::Result<u64> {
        drop(self.batches);
        match self.writer.join() {
            Ok(Err(error)) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            Ok(_) => Ok(self.sent.into_inner().saturating_sub(self.done.load(Ordering::Relaxed))),
            Err(_) => Err(io::Error::other("the output thread panicked")),
        }
    }
}

fn count(batch: &[Event]) -> u64 {
    u64::try_from(batch.len()).unwrap_or(u64::MAX)
}

/// Tables and sums have no digests.
fn digester(options: &TraceOptions) -> Result<Option<Digester>> {
    if (options.format == Format::Table || options.sum.is_some()) && options.parquet.is_none() {
        return Ok(None);
    }
    let mut limits = Limits::default();
    limits.largest = limits.largest.filter(|_| options.hash);
    Digester::start(limits, Known::default(), || {}).map(Some).context("cannot start a thread")
}

fn is_pipe() -> bool {
    fstat(io::stdout().as_fd()).is_ok_and(|stat| {
        let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
        kind == SFlag::S_IFIFO || kind == SFlag::S_IFSOCK
    })
}

enum Form {
    Table(Table),
    Json(json::Writer),
    /// Sums to write at the end, and their format.
    Sums(Sums, LogFormat),
}

impl Form {
    fn new(options: &TraceOptions) -> Self {
        match (&options.sum, options.format) {
            (Some(sum), Format::Table) => Self::Sums(Sums::new(sum), LogFormat::Table),
            (Some(sum), Format::Json) => Self::Sums(Sums::new(sum), LogFormat::Json),
            (None, Format::Table) => Self::Table(Table::new(TableStyle::for_stdout(options.color))),
            (None, Format::Json) => {
                Self::Json(json::Writer::new(options.arguments.into()).with_updates(options.totals.is_some()))
            }
        }
    }
}

struct Writer {
    form: Form,
    filter: Filter,
    /// `None` if no output has digests.
    digester: Option<Digester>,
    /// Show the totals of open connections.
    totals: bool,
    recorder: Option<Recorder>,
    text: Vec<u8>,
    done: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self, inbox: &Receiver<Vec<Event>>) -> io::Result<()> {
        let shown = self.show(inbox).and_then(|()| self.show_sums());
        let recorded = self.recorder.take().map_or(Ok(()), Recorder::finish);
        shown.and(recorded)
    }

    fn show(&mut self, inbox: &Receiver<Vec<Event>>) -> io::Result<()> {
        if let Form::Table(table) = &mut self.form {
            table.header(&mut self.text);
            self.flush()?;
        }
        for mut batch in inbox {
            let events = count(&batch);
            batch.retain(|event| self.filter.matches(event));
            if !self.filter.admits(EventName::ConnectionUpdate) {
                batch.iter_mut().for_each(Event::forget_deltas);
            }
            if let Some(digester) = &self.digester {
                digester.attend(&batch);
            }
            batch.iter().for_each(|event| self.write(event));
            // To the files first, because a pipe may be closed.
            if let Some(recorder) = &self.recorder {
                recorder.take(batch);
            }
            self.flush()?;
            self.done.fetch_add(events, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Writes the sums, if there are any.
    fn show_sums(&mut self) -> io::Result<()> {
        if let Form::Sums(sums, format) = &mut self.form {
            sums.write(*format, &mut self.text).map_err(io::Error::other)?;
        }
        self.flush()
    }

    fn write(&mut self, event: &Event) {
        if event.name == EventName::ConnectionUpdate && !self.totals {
            return;
        }
        match &mut self.form {
            Form::Table(table) => table.row(&mut self.text, event),
            Form::Json(writer) => writer.write(&mut self.text, event),
            Form::Sums(sums, _) => sums.put(event),
        }
    }

    /// One write for each batch instead of one for each line.
    fn flush(&mut self) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(&self.text)?;
        stdout.flush()?;
        self.text.clear();
        Ok(())
    }
}
