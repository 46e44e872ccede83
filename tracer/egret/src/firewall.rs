//! `egret firewall`: shows and removes the rules that queue packets to egret.

use std::env;
use std::io::{self, Write as _};

use anyhow::{Context as _, Result, bail};
use egret_enforcer::controller;
use egret_enforcer::firewall::{Hierarchy, Tools, sweep};

use crate::args::FirewallCommand;
use crate::exit;
use crate::{enforce, history};

/// Runs the command and returns the exit status.
///
/// # Errors
///
/// The configuration has errors, no firewall works here, or rules cannot be removed.
pub fn run(command: &FirewallCommand) -> Result<u8> {
    match command {
        FirewallCommand::Show { config } => {
            let loaded = egret_config::load(config.as_deref(), env::vars_os())?;
            let Some(settings) = &loaded.settings.enforce else {
                bail!("enforce.enabled is false: this configuration makes no firewall rules");
            };
            print(&controller::render(&enforce::enforcer(settings), &egret_names::resolvers())?)
        }
        FirewallCommand::Remove => {
            let found = sweep(&Tools::default(), &Hierarchy::find())?;
            let text =
                if found.is_empty() { "no rules found".to_owned() } else { format!("removed: {}", found.join(", ")) };
            print(&format!("{text}\n"))
        }
    }
}

fn print(text: &str) -> Result<u8> {
    let written = io::stdout().write_all(text.as_bytes()).map_err(anyhow::Error::from);
    match written {
        Err(error) if !history::is_broken_pipe(&error) => Err(error).context("cannot write to standard output"),
        _ => Ok(exit::DONE),
    }
}
