//! Rules of nftables: a table of egret's own, for both families of addresses.

mod text;

use super::ruleset::Ruleset;
use super::{Firewall, FirewallError, Hierarchy, Installed, NAME, Plan, State, ToolError, Tools, Watch};

/// Rules of nftables.
pub struct Nftables {
    tools: Tools,
    hierarchy: Hierarchy,
    /// The table as it was listed right after the installation.
    installed: Option<String>,
}

impl Nftables {
    /// Rules that `nft` installs.
    #[must_use]
    pub const fn new(tools: Tools, hierarchy: Hierarchy) -> Self {
        Self { tools, hierarchy, installed: None }
    }

    /// Asks the kernel whether it knows queues, in a dry run: it says so as it would for good, and takes all back.
    ///
    /// # Errors
    ///
    /// It does not, or may not be asked.
    pub fn probe(&self) -> Result<(), ToolError> {
        let words = ["--check", "--file", "-"];
        self.tools.run("try whether nftables can queue packets", "nft", &words, &text::probe()).map(drop)
    }

    fn list(&self, purpose: &'static str) -> Result<Option<String>, ToolError> {
        match self.tools.run(purpose, "nft", &["--stateless", "list", "table", "inet", NAME], "") {
            Err(error) if error.said("No such file or directory") => Ok(None),
            result => result.map(Some),
        }
    }
}

impl Firewall for Nftables {
    fn name(&self) -> &'static str {
        "nftables"
    }

    fn watch(&self) -> Watch {
        Watch::Generation
    }

    fn render(&self, plan: &Plan) -> String {
        format!("# IPv4 and IPv6: nft --file -\n{}", text::script(plan, &self.hierarchy))
    }

    fn install(&mut self, plan: &Plan) -> Result<Installed, FirewallError> {
        let (plan, lacks) = plan.present(&self.hierarchy);
        let script = text::script(&plan, &self.hierarchy);
        self.tools.run("install egret's rules", "nft", &["--file", "-"], &script)?;
        self.installed = self.list("read egret's rules back")?;
        Ok(Installed { lacks })
    }

    fn remove(&mut self) -> Result<bool, FirewallError> {
        self.installed = None;
        if self.list("look for egret's rules")?.is_none() {
            return Ok(false);
        }
        self.tools.run("remove egret's rules", "nft", &["--file", "-"], &text::removal())?;
        Ok(true)
    }

    fn is_flushed(&self) -> bool {
        let has_rules = |ruleset: Ruleset| ruleset.has_rules(None, NAME, text::JUDGE);
        self.installed.is_some() && !Ruleset::open().and_then(has_rules).unwrap_or(true)
    }

    fn check(&mut self) -> Result<State, FirewallError> {
        let now = self.list("look at egret's rules")?;
        Ok(match now {
            None => State::Missing,
            now if now == self.installed => State::Intact,
            Some(_) => State::Altered,
        })
    }
}
