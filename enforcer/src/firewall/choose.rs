//! Which way of installing rules a host offers.

use super::{Firewall, FirewallError, Hierarchy, Iptables, Kernel, Nftables, Tools, Variant};

/// Which way is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BackendChoice {
    /// The best that works: nftables, where the kernel can queue from it; else the host's own `iptables`, which is what its
    /// administrator reads; else the other `iptables`.
    #[default]
    Auto,
    /// nftables and nothing else.
    Nftables,
    /// One of the two `iptables`, the host's own first.
    Iptables,
}

/// The best way that works here.
///
/// # Errors
///
/// None does; each says why.
pub fn choose(tools: &Tools, hierarchy: &Hierarchy, choice: BackendChoice) -> Result<Box<dyn Firewall>, FirewallError> {
    let mut errors = Vec::new();
    if choice != BackendChoice::Iptables {
        let nftables = Nftables::new(tools.clone(), hierarchy.clone());
        match nftables.probe() {
            Ok(()) => return Ok(Box::new(nftables)),
            Err(error) => errors.push(error),
        }
    }
    if choice != BackendChoice::Nftables {
        for variant in variants(tools) {
            let iptables = Iptables::new(tools, variant, hierarchy.clone());
            match iptables.probe() {
                Ok(()) => return Ok(Box::new(iptables)),
                Err(error) => errors.push(error),
            }
        }
    }
    Err(FirewallError::None(errors))
}

/// Removes what there is of egret's in every way there is: left by a daemon that was killed, or that was configured to use
/// another way. Gives the ways in which something was found.
///
/// # Errors
///
/// Something could not be removed, or not looked for. All other things are removed all the same.
pub fn sweep(tools: &Tools, hierarchy: &Hierarchy) -> Result<Vec<&'static str>, FirewallError> {
    let mut found = Vec::new();
    let mut errors = Vec::new();
    for mut way in ways(tools, hierarchy) {
        match way.remove() {
            Ok(true) => found.push(way.name()),
            Ok(false) => {}
            Err(FirewallError::Tool(error)) => errors.push(error),
            Err(FirewallError::None(more) | FirewallError::Left(more)) => errors.extend(more),
        }
    }
    if errors.is_empty() { Ok(found) } else { Err(FirewallError::Left(errors)) }
}

/// All ways whose tools are there.
fn ways(tools: &Tools, hierarchy: &Hierarchy) -> Vec<Box<dyn Firewall>> {
    let mut ways: Vec<Box<dyn Firewall>> = Vec::new();
    if tools.find("nft").is_some() {
        ways.push(Box::new(Nftables::new(tools.clone(), hierarchy.clone())));
    }
    for variant in variants(tools).into_iter().filter(|variant| variant.is_there(tools)) {
        ways.push(Box::new(Iptables::new(tools, variant, hierarchy.clone())));
    }
    ways
}

/// The host's own `iptables`, then the one of the other kind.
fn variants(tools: &Tools) -> Vec<Variant> {
    match Variant::system(tools) {
        Ok(system) if system.kernel() == Kernel::NfTables => vec![system, Variant::Named(Kernel::Legacy)],
        Ok(system) => vec![system, Variant::Named(Kernel::NfTables)],
        Err(_) => vec![Variant::Named(Kernel::NfTables), Variant::Named(Kernel::Legacy)],
    }
}
