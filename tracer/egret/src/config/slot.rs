//! Ties an option to the field that holds it, whatever the field's type.

use super::draft::Draft;
use super::given::{Fault, Given};

/// A type that an option can have.
pub(super) trait Setting: Clone + PartialEq + Sized + 'static {
    /// Whether a value replaces what was given before (most do) or is added to it.
    const ADDS: bool = false;

    /// Whether values are shown to nobody.
    const SECRET: bool = false;

    /// What can be written, for the reference: a noun phrase.
    fn expected() -> String;

    /// Understands a value.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    fn read(given: &Given) -> Result<Self, Vec<Fault>>;

    /// The value as TOML, such that reading it gives the same; `None` if there is none.
    fn show(&self) -> Option<String>;

    /// Takes what somebody with more to say gave.
    fn take(&mut self, later: Self) {
        *self = later;
    }
}

/// A field of the draft, its type forgotten.
pub(super) trait Slot: Sync {
    fn adds(&self) -> bool;
    fn secret(&self) -> bool;
    fn expected(&self) -> String;
    fn read(&self, draft: &mut Draft, given: &Given) -> Result<(), Vec<Fault>>;
    fn show(&self, draft: &Draft) -> Option<String>;
    fn same(&self, one: &Draft, other: &Draft) -> bool;
    fn copy(&self, from: &Draft, to: &mut Draft);
}

/// Where in the draft a field of this type is.
pub(super) struct Field<T: 'static> {
    pub(super) get: fn(&Draft) -> &T,
    pub(super) get_mut: fn(&mut Draft) -> &mut T,
}

impl<T: Setting> Slot for Field<T> {
    fn adds(&self) -> bool {
        T::ADDS
    }

    fn secret(&self) -> bool {
        T::SECRET
    }

    fn expected(&self) -> String {
        T::expected()
    }

    fn read(&self, draft: &mut Draft, given: &Given) -> Result<(), Vec<Fault>> {
        T::read(given).map(|value| (self.get_mut)(draft).take(value))
    }

    fn show(&self, draft: &Draft) -> Option<String> {
        (self.get)(draft).show()
    }

    fn same(&self, one: &Draft, other: &Draft) -> bool {
        (self.get)(one) == (self.get)(other)
    }

    fn copy(&self, from: &Draft, to: &mut Draft) {
        (self.get_mut)(to).clone_from((self.get)(from));
    }
}
