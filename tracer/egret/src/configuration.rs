//! `egret config`.

use std::env;
use std::path::Path;

use egret_args::ConfigCommand;
use egret_config::{DEFAULT_FILE, Loaded, Problems, example, load, reference, show};
use egret_view::{exit, stdout};

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
            stdout::print(show(&loaded).as_bytes())
        }
        ConfigCommand::Reference => stdout::print(reference().as_bytes()),
        ConfigCommand::Example => stdout::print(example().as_bytes()),
    }
}

fn check(loaded: Result<Loaded, Problems>) -> anyhow::Result<u8> {
    match loaded {
        Ok(loaded) => {
            warn(&loaded);
            let default = || format!("no file {DEFAULT_FILE}, using the defaults");
            let file = loaded.file.as_deref().map_or_else(default, shown);
            stdout::print(format!("ok: {file}\n").as_bytes())
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
