//! The tables of one family of addresses.

use std::fs;

use super::saved::Saved;
use super::text::{TABLES, chain, jump};
use super::{Kernel, Variant};
use crate::firewall::rule::Family;
use crate::firewall::ruleset::Ruleset;
use crate::firewall::{Lack, NAME, Plan, State, ToolError, Tools};

/// Waits so many seconds for the lock that all programs of iptables-legacy share. Those of nf_tables have none.
const WAIT: &str = "5";
/// Somebody else may change a table between the reading and the writing, but not again and again.
const ATTEMPTS: usize = 3;

/// The tables of one family of addresses.
pub(super) struct Tables {
    tools: Tools,
    variant: Variant,
    pub(super) family: Family,
    /// What each table had in it right after the installation.
    installed: Vec<Saved>,
    /// What came into being with the rules.
    made: Vec<Made>,
}

/// What the tools of nf_tables make for the first rule of a table, and do not remove with the last.
#[derive(Clone, Copy)]
struct Made {
    table: &'static str,
    /// Not only the chain `OUTPUT` in it.
    whole: bool,
}

impl Tables {
    pub(super) const fn new(tools: Tools, variant: Variant, family: Family) -> Self {
        Self { tools, variant, family, installed: Vec::new(), made: Vec::new() }
    }

    /// Whether this has installed something.
    pub(super) const fn is_installed(&self) -> bool {
        !self.installed.is_empty()
    }

    /// Why nothing can be installed for this family, if so.
    pub(super) fn lack(&self) -> Option<Lack> {
        if self.family == Family::V4 {
            None
        } else if fs::metadata("/proc/thread-self/net/if_inet6").is_err() {
            Some(Lack::Ipv6)
        } else if self.tools.find(&self.variant.tool(self.family, "restore")).is_none() {
            Some(Lack::Ip6tables)
        } else {
            None
        }
    }

    /// What would be installed where there is nothing yet.
    pub(super) fn render(&self, plan: &Plan) -> String {
        TABLES.map(|table| self.table(plan, table, &Saved::default())).concat()
    }

    /// The text of one table that makes of what is there what there should be.
    fn table(&self, plan: &Plan, table: &str, saved: &Saved) -> String {
        let mut text = format!("*{table}\n{}", chain(plan, self.family, table));
        if !saved.is_led_to() {
            text.extend(saved.jumps.iter().map(|jump| format!("-D {jump}\n")));
            text.push_str(&format!("-I {}\n", jump().replacen("OUTPUT", "OUTPUT 1", 1)));
        }
        text.push_str("COMMIT\n");
        text
    }

    pub(super) fn install(&mut self, plan: &Plan) -> Result<(), ToolError> {
        if !self.is_installed() && self.variant.kernel() == Kernel::NfTables {
            self.made = self.not_there_yet();
        }
        self.change("install egret's rules", |tables, saved| {
            let each = TABLES.iter().zip(saved);
            each.map(|(table, saved)| tables.table(plan, table, saved)).collect()
        })?;
        self.installed = self.saved("read egret's rules back")?;
        Ok(())
    }

    /// Removes what there is of egret's, whoever installed it; false if there was nothing.
    pub(super) fn remove(&mut self) -> Result<bool, ToolError> {
        let removed = self.change("remove egret's rules", |_, saved| {
            TABLES.iter().zip(saved).map(|(table, saved)| removal(table, saved)).collect()
        })?;
        self.installed.clear();
        for made in std::mem::take(&mut self.made) {
            self.tidy(made);
        }
        Ok(removed)
    }

    pub(super) fn check(&self) -> Result<State, ToolError> {
        let saved = self.saved("look at egret's rules")?;
        if !self.is_installed() {
            // Left by one that did not end well.
            return Ok(if saved.iter().any(Saved::is_there) { State::Altered } else { State::Missing });
        }
        let states = saved.iter().zip(&self.installed).map(|(now, then)| now.compare(then));
        Ok(states.max().unwrap_or(State::Missing))
    }

    /// Installs a chain that nothing leads to, and removes it.
    pub(super) fn probe(&self) -> Result<(), ToolError> {
        let install = format!("*mangle\n:{NAME}-probe - [0:0]\n-A {NAME}-probe -j NFQUEUE --queue-num 0\nCOMMIT\n");
        let remove = format!("*mangle\n-F {NAME}-probe\n-X {NAME}-probe\nCOMMIT\n");
        let made = if self.variant.kernel() == Kernel::NfTables { self.not_there_yet() } else { Vec::new() };
        self.restore("try whether iptables can queue packets", &install)?;
        self.restore("remove the chain that queues were tried with", &remove)?;
        made.into_iter().for_each(|made| self.tidy(made));
        Ok(())
    }

    /// Writes what `script` makes of what is there; false if that is nothing.
    fn change(&self, purpose: &'static str, script: impl Fn(&Self, &[Saved]) -> String) -> Result<bool, ToolError> {
        let mut saved = self.saved(purpose)?;
        for attempt in 1.. {
            let text = script(self, &saved);
            if text.is_empty() {
                return Ok(false);
            }
            let Err(error) = self.restore(purpose, &text) else { break };
            let now = self.saved(purpose)?;
            if attempt == ATTEMPTS || now == saved {
                return Err(error);
            }
            saved = now;
        }
        Ok(true)
    }

    fn restore(&self, purpose: &'static str, script: &str) -> Result<(), ToolError> {
        let tool = self.variant.tool(self.family, "restore");
        self.tools.run(purpose, &tool, &["--noflush", "--wait", WAIT], script).map(drop)
    }

    fn saved(&self, purpose: &'static str) -> Result<Vec<Saved>, ToolError> {
        let tool = self.variant.tool(self.family, "save");
        let each = TABLES.iter().map(|table| {
            if self.is_unused(table) {
                return Ok(Saved::default());
            }
            self.tools.run(purpose, &tool, &["-t", table], "").map(|text| Saved::read(&text))
        });
        each.collect()
    }

    /// Whether the kernel has made no such table yet: to look into an old table makes it. Where it does not say so, it has
    /// no old tables, or this is not one who could have changed them.
    fn is_unused(&self, table: &str) -> bool {
        let names = if self.family == Family::V4 { "ip_tables_names" } else { "ip6_tables_names" };
        self.variant.kernel() == Kernel::Legacy
            && !fs::read_to_string(format!("/proc/thread-self/net/{names}"))
                .is_ok_and(|names| names.lines().any(|name| name == table))
    }

    /// What the tools would make. Where that cannot be seen, it is taken to be there, and stays.
    fn not_there_yet(&self) -> Vec<Made> {
        let Ok(ruleset) = Ruleset::open() else { return Vec::new() };
        let made = TABLES.into_iter().filter_map(|table| {
            let whole = !ruleset.has_table(self.family, table).ok()?;
            let chain = !ruleset.has_chain(self.family, table, "OUTPUT").ok()?;
            (whole || chain).then_some(Made { table, whole })
        });
        made.collect()
    }

    /// Deletes what was not there before if it is empty now. Where that fails, it stays: nobody meets it.
    fn tidy(&self, made: Made) {
        let tool = self.variant.tool(self.family, "save");
        let Ok(text) = self.tools.run("look for rules", &tool, &["-t", made.table], "") else { return };
        let (saved, Ok(ruleset)) = (Saved::read(&text), Ruleset::open()) else { return };
        let delete = |chains: &[&str], whole| ruleset.delete_empty(self.family, made.table, chains, whole);
        if made.whole && saved.empty {
            // Old versions of the tools made all chains at once.
            let all: &[&str] = match made.table {
                "mangle" => &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
                _ => &["INPUT", "FORWARD", "OUTPUT"],
            };
            let none: &[&str] = &[];
            if [none, &["OUTPUT"], all].into_iter().any(|chains| delete(chains, true).unwrap_or(true)) {
                return;
            }
        }
        if saved.idle {
            let _ = delete(&["OUTPUT"], false);
        }
    }
}

/// The text that removes what there is, or nothing.
fn removal(table: &str, saved: &Saved) -> String {
    if !saved.is_there() {
        return String::new();
    }
    let mut text = format!("*{table}\n");
    text.extend(saved.jumps.iter().map(|jump| format!("-D {jump}\n")));
    if saved.chain {
        text.push_str(&format!("-F {NAME}\n-X {NAME}\n"));
    }
    text.push_str("COMMIT\n");
    text
}
