//! The keeper of the firewall: installs egret's rules, keeps them in place, removes them.

use std::net::IpAddr;

use egret_model::Flow;

use super::plan::{self, PlanError, PlanInputs};
use super::settings::EnforcerSettings;
use crate::firewall::{
    FirewallError, Guardian, Hierarchy, Inspection, Installed, Lack, ToolError, Tools, choose, sweep,
};
use crate::marks::Marks;
use crate::mode::Mode;

/// Sessions that are exempt; the oldest is evicted.
const MAX_EXEMPT: usize = 16;

/// Keeps egret's rules in place while a mode evaluates flows.
pub(super) struct FirewallKeeper {
    tools: Tools,
    hierarchy: Hierarchy,
    guardian: Option<Guardian>,
    resolvers: Vec<IpAddr>,
    /// Sessions of those who switched modes.
    exempt: Vec<Flow>,
    /// How often rules were installed again, by guardians that are gone.
    recreated: u64,
}

impl FirewallKeeper {
    pub(super) fn new(resolvers: Vec<IpAddr>) -> Self {
        let (tools, hierarchy) = (Tools::default(), Hierarchy::find());
        Self { tools, hierarchy, guardian: None, resolvers, exempt: Vec::new(), recreated: 0 }
    }

    /// Exempts a session, from the next installation on.
    pub(super) fn exempt(&mut self, session: Flow) {
        if self.exempt.contains(&session) {
            return;
        }
        self.exempt.push(session);
        if self.exempt.len() > MAX_EXEMPT {
            self.exempt.remove(0);
        }
    }

    /// Takes the name servers of the host; says whether they are others than before.
    pub(super) fn set_resolvers(&mut self, resolvers: Vec<IpAddr>) -> bool {
        let is_new = resolvers != self.resolvers;
        self.resolvers = resolvers;
        is_new
    }

    pub(super) fn resolvers(&self) -> &[IpAddr] {
        &self.resolvers
    }

    pub(super) const fn is_installed(&self) -> bool {
        self.guardian.is_some()
    }

    /// The firewall that rules are installed in.
    pub(super) fn backend(&self) -> Option<&'static str> {
        self.guardian.as_ref().map(Guardian::name)
    }

    /// How often rules were installed again after somebody removed or changed them.
    pub(super) fn recreated(&self) -> u64 {
        self.recreated + self.guardian.as_ref().map_or(0, |guardian| guardian.recreated().values().sum())
    }

    /// Installs the rules of these settings, or replaces the ones that are installed.
    ///
    /// # Errors
    ///
    /// They cannot be installed, or do not cover IPv6 in enforce.
    pub(super) fn install(
        &mut self,
        settings: &EnforcerSettings,
        marks: Marks,
        generation: u32,
        mode: Mode,
    ) -> Result<(), PlanError> {
        let inputs = PlanInputs { marks, generation, resolvers: &self.resolvers, exempt: &self.exempt };
        let plan = plan::plan(settings, &inputs)?;
        let installed = match &mut self.guardian {
            Some(guardian) => guardian.replace(plan)?,
            None => {
                let firewall = choose(&self.tools, &self.hierarchy, settings.backend)?;
                // An egret that was killed may have used another back end.
                self.remove_leftovers();
                let (guardian, installed) = Guardian::install(firewall, plan, self.hierarchy.clone())?;
                self.guardian = Some(guardian);
                installed
            }
        };
        report_lacks(&installed, mode)
    }

    /// Removes the rules. Where that fails they are still kept, and can be removed later.
    ///
    /// # Errors
    ///
    /// They cannot be removed.
    pub(super) fn remove(&mut self) -> Result<(), FirewallError> {
        if let Some(mut guardian) = self.guardian.take() {
            if let Err(error) = guardian.remove() {
                self.guardian = Some(guardian);
                return Err(error);
            }
            self.recreated += guardian.recreated().values().sum::<u64>();
        }
        Ok(())
    }

    /// Removes the rules whatever state they are in, with every tool that there is.
    ///
    /// # Errors
    ///
    /// Some cannot be removed.
    pub(super) fn remove_all(&mut self) -> Result<(), FirewallError> {
        self.recreated = self.recreated();
        self.guardian = None;
        sweep(&self.tools, &self.hierarchy).map(drop)
    }

    /// Removes rules that an egret before left behind.
    pub(super) fn remove_leftovers(&self) {
        match sweep(&self.tools, &self.hierarchy) {
            Ok(found) => {
                found.iter().for_each(|name| tracing::warn!(name, "removed firewall rules of an egret before"))
            }
            // Without tools, or the right to use them, there was no way to install any.
            Err(FirewallError::Left(errors)) if errors.iter().all(ToolError::is_powerless) => {
                tracing::debug!("no tool that an egret before could have installed rules with");
            }
            Err(error) => tracing::error!("cannot remove firewall rules of an egret before: {error}"),
        }
    }

    /// Checks that the rules are in place, and installs them again if not.
    pub(super) fn tick(&mut self) {
        match self.guardian.as_mut().map(Guardian::tick) {
            Some(Inspection::Recreated(cause, installed)) => {
                tracing::warn!(cause = cause.as_str(), "firewall rules installed again");
                installed.lacks.iter().for_each(|lack| tracing::warn!("{lack}"));
            }
            Some(Inspection::Failed(error)) => tracing::error!("firewall rules: {error}"),
            Some(Inspection::Unchanged | Inspection::Intact) | None => {}
        }
    }
}

/// Rules that half of the traffic goes around do not enforce anything.
fn report_lacks(installed: &Installed, mode: Mode) -> Result<(), PlanError> {
    for lack in &installed.lacks {
        if *lack == Lack::Ip6tables && mode == Mode::Enforce {
            return Err(lack.clone().into());
        }
        tracing::warn!("{lack}");
    }
    Ok(())
}
