//! The tables of one family of addresses.

use std::fs;

use super::saved::{Saved, is_readable};
use super::text::{TABLES, chains, content, jump};
use super::{Kernel, Variant};
use crate::firewall::rule::Family;
use crate::firewall::ruleset::Ruleset;
use crate::firewall::{Fault, Lack, NAME, Plan, State, ToolError, Tools};

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

const REMOVE: &str = "remove egret's rules";

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
        self.script(plan, &TABLES.map(|_| Saved::default()))
    }

    /// The text of one table that makes of what is there what there should be.
    fn table(&self, plan: &Plan, table: &str, saved: &Saved) -> String {
        let mut text = format!("*{table}\n{}", content(plan, self.family, table));
        if !saved.is_led_to() {
            text.extend(saved.jumps.iter().map(|jump| format!("-D {jump}\n")));
            text.push_str(&format!("-I {}\n", jump().replacen("OUTPUT", "OUTPUT 1", 1)));
        }
        text.push_str("COMMIT\n");
        text
    }

    /// The text that makes of what is there what there should be. Tables are replaced one after the other: that which carries
    /// verdicts out comes first, or packets that are judged meanwhile would be blocked in name alone.
    fn script(&self, plan: &Plan, saved: &[Saved]) -> String {
        let each = TABLES.iter().zip(saved).rev();
        each.map(|(table, saved)| self.table(plan, table, saved)).collect()
    }

    pub(super) fn install(&mut self, plan: &Plan) -> Result<(), ToolError> {
        if !self.is_installed() && self.variant.kernel() == Kernel::NfTables {
            self.made = self.not_there_yet();
        }
        self.change("install egret's rules", |tables, saved| tables.script(plan, saved))?;
        self.installed = self.saved("read egret's rules back")?;
        Ok(())
    }

    /// Removes what there is of egret's, whoever installed it; false if there was nothing.
    pub(super) fn remove(&mut self) -> Result<bool, ToolError> {
        let removed = self
            .change(REMOVE, |_, saved| TABLES.iter().zip(saved).map(|(table, saved)| removal(table, saved)).collect());
        let removed = match removed {
            Err(error) if error.is_unreadable() => self.remove_unseen()?,
            removed => removed?,
        };
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

    /// Whether nothing leads to what was installed any more, or nothing is left of it. What cannot be asked is there.
    pub(super) fn is_flushed(&self, ruleset: &Ruleset) -> bool {
        let is_there = |table| {
            ruleset.has_jump(self.family, table, "OUTPUT", NAME).unwrap_or(true)
                && ruleset.has_rules(Some(self.family), table, NAME).unwrap_or(true)
        };
        self.is_installed() && !TABLES.into_iter().all(is_there)
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

    /// Removes from each table what egret puts there. What others put into a table hides all of it from the tools, but they
    /// empty and delete chains that are named to them.
    fn remove_unseen(&self) -> Result<bool, ToolError> {
        let ruleset = Ruleset::open().ok();
        // Where that cannot be asked it is taken to be there.
        let has = |table, chain| {
            let has = ruleset.as_ref().and_then(|ruleset| ruleset.has_chain(self.family, table, chain).ok());
            has.unwrap_or(true)
        };
        let there = TABLES.into_iter().filter(|table| chains(table).iter().any(|chain| has(table, chain)));
        // Where one is left, the other goes all the same.
        let results: Vec<_> = there.map(|table| self.remove_unseen_from(table)).collect();
        let removed = !results.is_empty();
        results.into_iter().collect::<Result<(), _>>().map(|()| removed)
    }

    fn remove_unseen_from(&self, table: &str) -> Result<(), ToolError> {
        // Makes chains that are gone, so that all can be deleted, and empties those that are there: no packet is queued any more.
        let emptied: String = chains(table).iter().map(|chain| format!(":{chain} - [0:0]\n")).collect();
        self.restore(REMOVE, &format!("*{table}\n{emptied}COMMIT\n"))?;
        // The tools stumble over rules of others that come before this one.
        let deleted = Ruleset::open().and_then(|ruleset| ruleset.delete_jumps(self.family, table, "OUTPUT", NAME));
        deleted.map_err(|source| ToolError {
            purpose: REMOVE,
            fault: Fault::Unusable { tool: "nf_tables".into(), source },
        })?;
        let all: String = chains(table).iter().map(|chain| format!("-X {chain}\n")).collect();
        self.restore(REMOVE, &format!("*{table}\n{emptied}{all}COMMIT\n"))
    }

    /// Whether what there is can be read.
    pub(super) fn read(&self) -> Result<(), ToolError> {
        self.saved("look for what there is").map(drop)
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
        let each = TABLES
            .into_iter()
            .map(|table| if self.is_unused(table) { Ok(Saved::default()) } else { self.saved_of(purpose, table) });
        each.collect()
    }

    /// What there is of a table. One that holds what only `nft` can show ends no tool with an error.
    fn saved_of(&self, purpose: &'static str, table: &'static str) -> Result<Saved, ToolError> {
        let tool = self.variant.tool(self.family, "save");
        let text = self.tools.run(purpose, &tool, &["-t", table], "")?;
        if is_readable(table, &text) {
            return Ok(Saved::read(&text));
        }
        Err(ToolError { purpose, fault: Fault::Unreadable { tool, table, family: self.family } })
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

    /// Deletes what was not there before if it is empty now. Where that fails, it stays: no packet traverses it.
    fn tidy(&self, made: Made) {
        let (Ok(saved), Ok(ruleset)) = (self.saved_of("look for rules", made.table), Ruleset::open()) else { return };
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
    // One leads to the other.
    text.extend(saved.chains.iter().map(|chain| format!("-F {chain}\n")));
    text.extend(saved.chains.iter().map(|chain| format!("-X {chain}\n")));
    text.push_str("COMMIT\n");
    text
}
