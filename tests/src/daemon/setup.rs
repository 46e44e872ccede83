//! Setup of a daemon.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::Daemon;
use crate::{Event, Namespace, Scratch, egret};

/// Setup of a daemon: its directory, which outlives it, and its configuration.
///
/// Files, sockets and directories are in a separate directory; metrics are served on any free port; other sinks are
/// off unless enabled here.
#[derive(Debug)]
pub struct Setup {
    scratch: Scratch,
    pub(super) options: BTreeMap<String, String>,
    variables: Vec<(String, String)>,
}

impl Setup {
    /// A setup with metrics and no other sink.
    #[must_use]
    pub fn new() -> Self {
        let scratch = Scratch::new();
        let setup = Self { scratch, options: BTreeMap::new(), variables: Vec::new() };
        let (socket, log) = (setup.socket(), setup.log());
        let [baseline, mode, names] = ["baseline", "mode.json", "names"].map(|name| setup.path(name));
        setup
            .text("baseline.file", &baseline.to_string_lossy())
            .text("enforce.state", &mode.to_string_lossy())
            .text("names.file", &names.to_string_lossy())
            .text("control.socket", &socket.to_string_lossy())
            .text("metrics.listen", "127.0.0.1:0")
            .text("parquet.destination", &log.to_string_lossy())
            .set("parquet.enabled", "false")
    }

    /// Sets an option to a TOML value, such as `true` or `["a"]`.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.options.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets an option to a string.
    #[must_use]
    pub fn text(self, key: &str, value: &str) -> Self {
        self.set(key, &format!("{value:?}"))
    }

    /// Writes a Parquet log to [`Self::log`].
    #[must_use]
    pub fn parquet(self) -> Self {
        self.set("parquet.enabled", "true")
    }

    /// Writes JSON lines to [`Self::lines`].
    #[must_use]
    pub fn json(self) -> Self {
        let lines = self.lines();
        let setup = self.set("json.enabled", "true").text("json.destination", &lines.to_string_lossy());
        // Updates are written as well.
        setup.set("json.updates", "true")
    }

    /// Sends spans to a collector; `protocol` is `grpc` or `http/protobuf`.
    #[must_use]
    pub fn otlp(self, protocol: &str, endpoint: &str) -> Self {
        self.text("otlp.protocol", protocol).text("otlp.endpoint", endpoint)
    }

    /// Sets a variable in the daemon's environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A path in its directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path(name)
    }

    /// Its control socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path("run/egret.sock")
    }

    /// The directory of its Parquet files.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path("log")
    }

    /// The file of its JSON lines.
    #[must_use]
    pub fn lines(&self) -> PathBuf {
        self.path("events.jsonl")
    }

    /// The events of complete lines in a file of JSON lines; none if the file does not exist.
    #[must_use]
    pub fn events(&self, file: &Path) -> Vec<Event> {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        whole.lines().map(read).collect()
    }

    /// Its configuration.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.path("egret.toml")
    }

    /// Writes the configuration as it is now.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    pub fn write(&self) {
        let lines: String = self.options.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        std::fs::write(self.configuration(), lines).expect("the directory is ours");
    }

    /// The command that starts it, with its configuration written.
    #[must_use]
    pub fn command(&self) -> Command {
        self.write();
        let mut command = Command::new(egret());
        command.arg("run").arg("--config").arg(self.configuration()).stdin(Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it until it ends, which must be because it is refused.
    #[must_use]
    pub fn refused(&self) -> Output {
        self.command().output().expect("egret can be run")
    }

    /// Starts it, and waits until it is ready.
    #[must_use]
    pub fn start(self) -> Daemon {
        let command = self.command();
        self.start_by(command)
    }

    /// The same in a network namespace, whose packets this daemon can evaluate.
    #[must_use]
    pub fn start_in(self, namespace: &Namespace) -> Daemon {
        let plain = self.command();
        let mut command = namespace.command(&plain.get_program().to_string_lossy());
        command.args(plain.get_args()).stdin(Stdio::null());
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.start_by(command)
    }

    /// The same with a command made of [`Self::command`].
    #[must_use]
    pub fn start_by(self, command: Command) -> Daemon {
        let daemon = self.start_unready(command);
        daemon.wait_for_notification("READY=1");
        daemon
    }

    /// Starts it without waiting.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn start_unready(self, command: Command) -> Daemon {
        Daemon::start(self, command)
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}
