//! Parquet files. A dead directory cannot be created, and a restart unmounts the disk and mounts it again; slow and
//! stuck destinations are object stores.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use egret_exporters::parquet::read::{Log, Query};
use egret_exporters::parquet::{self, Settings, Sink};
use egret_exporters::sink::DropReason;
use object_store::local::LocalFileSystem;
use object_store::throttle::{ThrottleConfig, ThrottledStore};

use crate::scenarios::Scenario;
use crate::subject::{ALL_ARRIVES, Condition, Destination, Expected, Holds, Ready, Subject};

/// Short, because events count as sent when their file is finished.
const ROTATE_AFTER: Duration = Duration::from_millis(50);
/// Duration of a call to a slow object store, and to a stuck one: longer than any test.
const SLOW: Duration = Duration::from_millis(200);
const STUCK: Duration = Duration::from_secs(3_600);

pub(crate) struct ToFiles;

impl Subject for ToFiles {
    fn name(&self) -> &'static str {
        "parquet"
    }

    fn expects(&self, scenario: Scenario) -> Expected {
        let dropping = |reason| Expected::Account(ALL_ARRIVES.must_drop(reason));
        match scenario {
            Scenario::Load | Scenario::Slow => dropping(DropReason::QueueFull),
            Scenario::Dead => Expected::StartError,
            Scenario::FullDisk | Scenario::Restart => dropping(DropReason::WriteFailed),
            Scenario::Drain => Expected::Account(ALL_ARRIVES),
            Scenario::Abandon => dropping(DropReason::Shutdown),
        }
    }

    fn destination(&self, directory: &Path, condition: Condition) -> Box<dyn Destination> {
        let log = Files { log: directory.join("log"), slow: slow_store(directory, condition) };
        if condition == Condition::Dead {
            fs::write(&log.log, "not a directory").unwrap();
        }
        Box::new(log)
    }
}

struct Files {
    log: PathBuf,
    slow: Option<Arc<ThrottledStore<LocalFileSystem>>>,
}

fn slow_store(directory: &Path, condition: Condition) -> Option<Arc<ThrottledStore<LocalFileSystem>>> {
    let wait_put_per_call = match condition {
        Condition::Slow => SLOW,
        Condition::Stuck => STUCK,
        Condition::Healthy | Condition::Dead => return None,
    };
    fs::create_dir(directory.join("log")).unwrap();
    let files = LocalFileSystem::new_with_prefix(directory.join("log")).unwrap();
    Some(Arc::new(ThrottledStore::new(files, ThrottleConfig { wait_put_per_call, ..ThrottleConfig::default() })))
}

impl Files {
    /// The path of the log while its disk is unmounted.
    fn elsewhere(&self) -> PathBuf {
        self.log.with_extension("elsewhere")
    }

    fn take_out(&self) {
        fs::rename(&self.log, self.elsewhere()).unwrap();
        fs::write(&self.log, "not a directory").unwrap();
    }

    fn put_back(&self) {
        fs::remove_file(&self.log).unwrap();
        fs::rename(self.elsewhere(), &self.log).unwrap();
    }
}

impl Destination for Files {
    fn address(&self) -> String {
        self.log.display().to_string()
    }

    fn sink(&mut self) -> Result<Ready, String> {
        let settings = settings(self.log.clone());
        let sink = match &self.slow {
            Some(store) => Sink::on(&settings, Arc::clone(store) as _),
            None => Sink::new(&settings),
        };
        let sink = sink.map_err(|error| error.to_string())?;
        Ok(Box::new(|inbox| Box::pin(sink.run(inbox))))
    }

    fn set(&mut self, condition: Condition) {
        match (&self.slow, condition) {
            (Some(store), Condition::Healthy) => store.config_mut(|config| *config = ThrottleConfig::default()),
            (None, Condition::Dead) => self.take_out(),
            (None, Condition::Healthy) => self.put_back(),
            other => panic!("no scenario has this: {other:?}"),
        }
    }

    fn holds(&mut self) -> Holds {
        let log = Log::open(&self.log, Query::default()).unwrap();
        Holds::Events(log.flat_map(Result::unwrap).map(|event| event.id.socket).collect())
    }
}

fn settings(directory: PathBuf) -> Settings {
    Settings {
        destination: parquet::Destination::Directory(directory),
        host: "host".to_owned(),
        rotate_after: ROTATE_AFTER,
        rotate_bytes: 1 << 30,
        row_group_rows: 100_000,
        zstd_level: 1,
        // The events are old.
        keep_for: None,
        gap_percent: 100,
        keep_bytes: None,
        spool: parquet::Spool::default(),
        // The queue has the capacity of the scenario.
        queue_events: 0,
        arguments: egret_model::Arguments::default(),
    }
}
