//! Type-erased access to the field of an option.

use super::Config;
use crate::kind::Kind;
use crate::raw::{Invalid, RawValue};

/// Access to a field of the configuration without its type.
pub(crate) trait Access: Sync {
    fn adds(&self) -> bool;
    fn secret(&self) -> bool;
    fn expected(&self) -> String;
    fn read(&self, config: &mut Config, raw: &RawValue) -> Result<(), Vec<Invalid>>;
    fn show(&self, config: &Config) -> Option<String>;
    fn same(&self, one: &Config, other: &Config) -> bool;
    fn copy(&self, from: &Config, to: &mut Config);
}

/// The accessors of a field of this kind.
pub(crate) struct Field<K: Kind> {
    pub(crate) get: fn(&Config) -> &K::Value,
    pub(crate) get_mut: fn(&mut Config) -> &mut K::Value,
}

impl<K: Kind> Access for Field<K> {
    fn adds(&self) -> bool {
        K::ADDS
    }

    fn secret(&self) -> bool {
        K::SECRET
    }

    fn expected(&self) -> String {
        K::expected()
    }

    fn read(&self, config: &mut Config, raw: &RawValue) -> Result<(), Vec<Invalid>> {
        K::read(raw).map(|value| K::merge((self.get_mut)(config), value))
    }

    fn show(&self, config: &Config) -> Option<String> {
        K::show((self.get)(config))
    }

    fn same(&self, one: &Config, other: &Config) -> bool {
        (self.get)(one) == (self.get)(other)
    }

    fn copy(&self, from: &Config, to: &mut Config) {
        (self.get_mut)(to).clone_from((self.get)(from));
    }
}
