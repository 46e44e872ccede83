//! JSON lines, to a file and to a pipe.

mod file;
mod pipe;

use std::path::Path;

use egret_exporters::json::{self, Settings, Sink};

pub(crate) use file::ToFile;
pub(crate) use pipe::ToPipe;

fn sink(file: &Path) -> Result<Sink, String> {
    // The queue has the capacity of the scenario.
    let settings = Settings {
        destination: json::Destination::File(file.to_owned()),
        updates: true,
        queue_events: 0,
        arguments: egret_model::Arguments::default(),
    };
    Sink::new(&settings).map_err(|error| error.to_string())
}

/// The numbers of the events in a text, of which every line is an event.
fn numbers(text: &str) -> Vec<u64> {
    text.lines().map(|line| json::read_event(line.as_bytes()).unwrap().id.socket).collect()
}
