//! To a file. A dead destination lacks its directory; a restart is a rotation by logrotate: renamed, then created
//! again.

use std::fs;
use std::path::{Path, PathBuf};

use egret_exporters::json::Reopener;
use egret_exporters::sink::DropReason;

use super::{numbers, sink};
use crate::scenarios::Scenario;
use crate::subject::{ALL_ARRIVES, Condition, Destination, Expected, Holds, Ready, Subject};

pub(crate) struct ToFile;

impl Subject for ToFile {
    fn name(&self) -> &'static str {
        "json_file"
    }

    fn expects(&self, scenario: Scenario) -> Expected {
        match scenario {
            Scenario::Load => Expected::Account(ALL_ARRIVES.must_drop(DropReason::QueueFull)),
            Scenario::Dead => Expected::StartError,
            Scenario::Slow | Scenario::Abandon => Expected::Inapplicable("a file is never slow; see json_pipe"),
            Scenario::FullDisk => Expected::Account(ALL_ARRIVES.must_drop(DropReason::WriteFailed)),
            Scenario::Restart | Scenario::Drain => Expected::Account(ALL_ARRIVES),
        }
    }

    fn destination(&self, directory: &Path, condition: Condition) -> Box<dyn Destination> {
        let directory = directory.join(if condition == Condition::Dead { "missing" } else { "" });
        Box::new(LogFile { file: directory.join("egret.jsonl"), old: Vec::new(), reopener: None })
    }
}

struct LogFile {
    file: PathBuf,
    /// What it was renamed to.
    old: Vec<PathBuf>,
    reopener: Option<Reopener>,
}

impl Destination for LogFile {
    fn address(&self) -> String {
        self.file.display().to_string()
    }

    fn sink(&mut self) -> Result<Ready, String> {
        let sink = sink(&self.file)?;
        self.reopener = Some(sink.reopener());
        Ok(Box::new(|inbox| Box::pin(sink.run(inbox))))
    }

    fn set(&mut self, condition: Condition) {
        if condition == Condition::Dead {
            self.old.push(self.file.with_extension(self.old.len().to_string()));
            fs::rename(&self.file, self.old.last().unwrap()).unwrap();
        } else {
            self.reopener.as_ref().unwrap().reopen();
        }
    }

    fn holds(&mut self) -> Holds {
        let files = self.old.iter().chain([&self.file]);
        let text: String = files.map(|file| fs::read_to_string(file).unwrap()).collect();
        assert!(text.ends_with('\n'), "torn at its end");
        Holds::Events(numbers(&text))
    }
}
