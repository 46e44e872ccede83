//! What the checks add up to.

use egret_model::{Degradation, Layer};

use super::check::Check;
use super::enforcing::Enforcing;
use crate::exit;

/// The layers, best first.
pub(super) const LAYERS: [Layer; 3] = [Layer::Sockets, Layer::Syscalls, Layer::Procfs];

/// Everything that is told.
pub(super) struct Report {
    /// `uname -r`.
    pub(super) release: String,
    pub(super) checks: Vec<Check>,
    /// Layers that could be started, best first. `procfs` always can.
    pub(super) available: Vec<Layer>,
    /// What the layer that was tried did without.
    pub(super) reduced: Vec<Degradation>,
    /// What holding the host to a baseline would find.
    pub(super) enforcing: Enforcing,
}

impl Report {
    /// The layer that `--capture auto` takes.
    pub(super) fn chosen(&self) -> Layer {
        self.available.first().copied().unwrap_or(Layer::Procfs)
    }

    pub(super) fn is_available(&self, layer: Layer) -> bool {
        self.available.contains(&layer)
    }

    /// What is missing, each once, in order of weight.
    pub(super) fn degradations(&self) -> Vec<Degradation> {
        let checked = self.checks.iter().filter_map(|check| check.degradation);
        let mut all: Vec<Degradation> = checked.chain(self.reduced.iter().copied()).collect();
        if self.chosen() == Layer::Procfs {
            all.push(Degradation::ScanOnly);
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The exit status: whether anything better than a scan is possible.
    pub(super) fn exit_status(&self) -> u8 {
        if self.chosen() == Layer::Procfs { exit::UNSUPPORTED } else { exit::DONE }
    }
}
