//! Rules of iptables: a chain in the table `mangle`, one in `filter`, each led to by the first rule of `OUTPUT`; and one in
//! `mangle` that the first leads to.
//!
//! There are two programs of that name: one that keeps rules in the kernel's old tables (legacy), and one that keeps them
//! in nf_tables. Both take the same words, and the rules of both are in force at once.

mod family;
mod saved;
mod text;

use super::rule::Family;
use super::ruleset::Ruleset;
use super::{Firewall, FirewallError, Hierarchy, Installed, Lack, Plan, State, ToolError, Tools, Watch};
use family::Tables;

/// Whose tables the rules are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// nf_tables.
    NfTables,
    /// The old ones.
    Legacy,
}

/// Which of the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Those that the administrator gets as `iptables` and `ip6tables`.
    System(Kernel),
    /// Those of this kind, whichever the system prefers.
    Named(Kernel),
}

impl Variant {
    /// What the host calls `iptables`.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn system(tools: &Tools) -> Result<Self, ToolError> {
        let version = tools.run("find out which iptables this is", "iptables-restore", &["--version"], "")?;
        // Before 1.8 there was one kind, and it did not say so.
        Ok(Self::System(if version.contains("nf_tables") { Kernel::NfTables } else { Kernel::Legacy }))
    }

    /// Whether its programs are there.
    pub(super) fn is_there(self, tools: &Tools) -> bool {
        tools.find(&self.tool(Family::V4, "restore")).is_some()
    }

    /// Whose tables they use.
    pub(super) const fn kernel(self) -> Kernel {
        match self {
            Self::System(kernel) | Self::Named(kernel) => kernel,
        }
    }

    /// The name of one of the programs.
    fn tool(self, family: Family, does: &str) -> String {
        let tables = if family == Family::V4 { "iptables" } else { "ip6tables" };
        match self {
            Self::System(_) => format!("{tables}-{does}"),
            Self::Named(Kernel::NfTables) => format!("{tables}-nft-{does}"),
            Self::Named(Kernel::Legacy) => format!("{tables}-legacy-{does}"),
        }
    }
}

/// Rules of iptables.
pub struct Iptables {
    variant: Variant,
    hierarchy: Hierarchy,
    families: Vec<Tables>,
}

impl Iptables {
    /// Rules that these programs install.
    #[must_use]
    pub fn new(tools: &Tools, variant: Variant, hierarchy: Hierarchy) -> Self {
        let families = Family::ALL.map(|family| Tables::new(tools.clone(), variant, family)).into();
        Self { variant, hierarchy, families }
    }

    /// Tries whether the programs and the kernel know queues, with a chain that nothing leads to and that is gone when
    /// this returns.
    ///
    /// # Errors
    ///
    /// They do not, or may not be used.
    pub fn probe(&self) -> Result<(), ToolError> {
        self.families.iter().filter(|tables| tables.family == Family::V4).try_for_each(Tables::probe)?;
        // What cannot be read is nothing to install into: nothing could check the result.
        self.families.iter().filter(|tables| tables.lack().is_none()).try_for_each(Tables::read)
    }

    fn undo(&mut self) {
        for tables in &mut self.families {
            // Whoever reads of the error that led here will not be helped by a second one.
            let _ = tables.remove();
        }
    }
}

impl Firewall for Iptables {
    fn name(&self) -> &'static str {
        match self.variant.kernel() {
            Kernel::NfTables => "iptables-nft",
            Kernel::Legacy => "iptables-legacy",
        }
    }

    fn watch(&self) -> Watch {
        match self.variant.kernel() {
            Kernel::NfTables => Watch::Generation,
            Kernel::Legacy => Watch::Look,
        }
    }

    fn render(&self, plan: &Plan) -> String {
        let scripts = self.families.iter().map(|tables| {
            let tool = self.variant.tool(tables.family, "restore");
            format!("# {}: {tool} --noflush\n{}", tables.family.as_str(), tables.render(plan))
        });
        scripts.collect::<Vec<_>>().join("\n")
    }

    fn install(&mut self, plan: &Plan) -> Result<Installed, FirewallError> {
        let (plan, mut lacks) = plan.present(&self.hierarchy);
        let first = !self.families.iter().any(Tables::is_installed);
        for tables in &mut self.families {
            match tables.lack() {
                Some(lack) => lacks.push(lack),
                None => {
                    if let Err(error) = tables.install(&plan) {
                        // What is in force already is better than nothing.
                        if first {
                            self.undo();
                        }
                        return Err(error.into());
                    }
                }
            }
        }
        Ok(Installed { lacks })
    }

    fn remove(&mut self) -> Result<bool, FirewallError> {
        let (mut removed, mut failed) = (false, None);
        for tables in self.families.iter_mut().filter(|tables| tables.lack() != Some(Lack::Ip6tables)) {
            match tables.remove() {
                Ok(there_was) => removed |= there_was,
                // What is of the other family goes all the same.
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(removed), |error| Err(error.into()))
    }

    fn is_flushed(&self) -> bool {
        let is_flushed = |ruleset: Ruleset| self.families.iter().any(|tables| tables.is_flushed(&ruleset));
        self.variant.kernel() == Kernel::NfTables && Ruleset::open().is_ok_and(is_flushed)
    }

    fn check(&mut self) -> Result<State, FirewallError> {
        let mut worst = State::Intact;
        for tables in self.families.iter_mut().filter(|tables| tables.lack().is_none()) {
            worst = worst.max(tables.check()?);
        }
        Ok(worst)
    }
}
