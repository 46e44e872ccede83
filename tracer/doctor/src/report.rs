//! The report: all checks and the conclusions.

use egret_model::{Degradation, Layer};
use egret_view::exit;

use super::check::Check;
use super::enforcing::Enforcing;

/// The layers, best first.
pub(super) const LAYERS: [Layer; 3] = [Layer::Sockets, Layer::Syscalls, Layer::Procfs];

pub(super) struct Report {
    /// `uname -r`.
    pub(super) release: String,
    pub(super) checks: Vec<Check>,
    /// Layers that could be started, best first; always includes `procfs`.
    pub(super) available: Vec<Layer>,
    /// Degradations of the layer that was tried.
    pub(super) reduced: Vec<Degradation>,
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

    /// All degradations without duplicates, the most important first.
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

    pub(super) fn exit_status(&self) -> u8 {
        if self.chosen() == Layer::Procfs { exit::UNSUPPORTED } else { exit::DONE }
    }
}
