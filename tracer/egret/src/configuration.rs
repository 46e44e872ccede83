//! `egret config`.

use std::env;
use std::io::{self, Write};
use std::path::Path;

use egret_config::{DEFAULT_FILE, Loaded, Problems, example, load, reference, show};

use crate::args::ConfigCommand;
use crate::exit;

/// Runs the command and returns the exit status.
///
/// # Errors
///
/// The configuration to show has errors, or standard output cannot be written.
pub fn run(command: &ConfigCommand) -> anyhow::Result<u8> {
    match command {
        ConfigCommand::Check { file } => check(load(file.as_deref(), env::vars_os())),
        ConfigCommand::Show { config } => {
            let loaded = load(config.as_deref(), env::vars_os())?;
            warn(&loaded);
            print(&show(&loaded))
        }
        ConfigCommand::Reference => print(&reference()),
        ConfigCommand::Example => print(&example()),
    }
}

fn check(loaded: Result<Loaded, Problems>) -> anyhow::Result<u8> {
    match loaded {
        Ok(loaded) => {
            warn(&loaded);
            let default = || format!("no file {DEFAULT_FILE}, using the defaults");
            print(&format!("ok: {}\n", loaded.file.as_deref().map_or_else(default, shown)))
        }
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            Ok(exit::USAGE)
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn warn(loaded: &Loaded) {
    loaded.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
}

/// Ignores a closed pipe.
fn print(text: &str) -> anyhow::Result<u8> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(exit::DONE),
    }
}
