//! Names of network interfaces.

use std::num::NonZeroUsize;

use egret_model::{Interface, NetworkNamespace};
use lru::LruCache;
use nix::net::if_::if_indextoname;

/// Interfaces kept, 40 bytes each. Programs may use any number: the least recently used entry is evicted.
const NAMES: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// Names of the interfaces of egret's own network namespace.
#[derive(Debug)]
pub(crate) struct Interfaces {
    /// By number: the name, and the round in which it was looked up.
    names: LruCache<u32, (Interface, u64)>,
    round: u64,
}

impl Default for Interfaces {
    fn default() -> Self {
        Self { names: LruCache::new(NAMES), round: 0 }
    }
}

impl Interfaces {
    /// Expires the names, because interfaces may be renamed. Call it once a batch.
    pub(crate) const fn refresh(&mut self) {
        self.round = self.round.wrapping_add(1);
    }

    /// The interface of a number in a network namespace; `None` for zero, which stands for unknown. Only
    /// interfaces of egret's own namespace have a name, which is kept after their removal.
    pub(crate) fn get(&mut self, index: u32, namespace: Option<NetworkNamespace>) -> Option<Interface> {
        if index == 0 {
            return None;
        }
        let is_own = namespace.is_some_and(|namespace| namespace.own);
        Some(if is_own { self.own(index) } else { Interface::from_index(index) })
    }

    fn own(&mut self, index: u32) -> Interface {
        let known = self.names.get(&index).copied();
        if let Some((name, _)) = known.filter(|(_, round)| *round == self.round) {
            return name;
        }
        let name = look_up(index).or(known.map(|(name, _)| name)).unwrap_or_else(|| Interface::from_index(index));
        self.names.put(index, (name, self.round));
        name
    }
}

fn look_up(index: u32) -> Option<Interface> {
    Interface::from_name(if_indextoname(index).ok()?.to_str().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_interfaces_of_the_own_namespace_have_names() {
        let mut interfaces = Interfaces::default();
        let namespace = |own| Some(NetworkNamespace { inode: 1, own });
        let mut name = |index, namespace| interfaces.get(index, namespace).map(|interface| interface.to_string());
        assert_eq!(name(1, namespace(true)).as_deref(), Some("lo"));
        assert_eq!(name(1, namespace(false)).as_deref(), Some("1"));
        assert_eq!(name(1, None).as_deref(), Some("1"));
        assert_eq!(name(u32::MAX, namespace(true)).as_deref(), Some("4294967295"), "no such interface");
        assert_eq!(name(0, namespace(true)), None);
    }

    #[test]
    fn removed_interface_keeps_its_name() {
        let mut interfaces = Interfaces::default();
        let veth = Interface::from_name("veth0").unwrap();
        interfaces.names.put(u32::MAX, (veth, 0));
        interfaces.refresh();
        assert_eq!(interfaces.own(u32::MAX), veth);
    }
}
