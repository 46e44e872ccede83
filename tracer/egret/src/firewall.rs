//! `egret firewall`: shows and removes the rules that queue packets to egret.

use std::env;

use anyhow::{Result, bail};
use egret_args::FirewallCommand;
use egret_enforcer::controller;
use egret_enforcer::firewall::{Hierarchy, Tools, sweep};
use egret_view::stdout;

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
            stdout::print(controller::render(&settings.enforcer(), &egret_names::resolvers())?.as_bytes())
        }
        FirewallCommand::Remove => {
            let found = sweep(&Tools::default(), &Hierarchy::find())?;
            let text =
                if found.is_empty() { "no rules found".to_owned() } else { format!("removed: {}", found.join(", ")) };
            stdout::print(format!("{text}\n").as_bytes())
        }
    }
}
