//! The kernel's table of connections, which the rules need: a packet that begins a flow for which it has no room is dropped,
//! whatever anybody thinks of it.

use std::fs;
use std::path::Path;

/// From this share on, in hundredths, the table is nearly full.
const NEARLY_FULL_PERCENT: u64 = 90;

/// The table at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tracking {
    /// Connections in it.
    pub entries: u64,
    /// How many there may be (`net.netfilter.nf_conntrack_max`); zero for no bound.
    pub limit: u64,
    /// Packets that were dropped for want of room, or of something else that tracking needs.
    pub dropped: u64,
}

impl Tracking {
    /// How it is now, for the network namespace of the thread that asks; `None` where nothing tracks connections.
    #[must_use]
    pub fn read() -> Option<Self> {
        let number = |name: &str| read_number(&Path::new("/proc/sys/net/netfilter").join(name));
        let statistics = fs::read_to_string("/proc/thread-self/net/stat/nf_conntrack");
        Some(Self {
            entries: number("nf_conntrack_count")?,
            limit: number("nf_conntrack_max")?,
            dropped: statistics.map(|text| dropped(&text)).unwrap_or_default(),
        })
    }

    /// Whether there is little room left.
    #[must_use]
    pub const fn is_nearly_full(&self) -> bool {
        self.limit > 0 && self.entries.saturating_mul(100) >= self.limit.saturating_mul(NEARLY_FULL_PERCENT)
    }

    /// Whether there is no room left.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.limit > 0 && self.entries >= self.limit
    }

    /// Whether there is no room, or was none for a packet since an earlier check: the kernel makes some by
    /// evicting connections without a reply, so that a rare check seldom finds it full.
    #[must_use]
    pub const fn has_overflowed(&self, earlier: &Self) -> bool {
        self.is_full() || self.is_nearly_full() && self.dropped > earlier.dropped
    }
}

fn read_number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The column `drop` of all CPUs (`ct_cpu_seq_show` in `net/netfilter/nf_conntrack_standalone.c`): hexadecimal, below a line of
/// names.
fn dropped(statistics: &str) -> u64 {
    let mut lines = statistics.lines();
    let column = lines.next().and_then(|names| names.split_whitespace().position(|name| name == "drop"));
    let Some(column) = column else { return 0 };
    let of_cpu = |line: &str| u64::from_str_radix(line.split_whitespace().nth(column)?, 16).ok();
    lines.filter_map(of_cpu).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_of_all_processors_are_summed() {
        let names =
            "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop";
        let text = format!("{names}\n1 2 3 4 5 6 7 8 9 a 1f b\n1 2 3 4 5 6 7 8 9 a 01 b\n");
        assert_eq!(dropped(&text), 0x20);
        assert_eq!((dropped(""), dropped("entries\n1\n"), dropped(names)), (0, 0, 0));
    }

    #[test]
    fn full_table_is_distinguished_from_one_with_free_entries() {
        let at = |entries, dropped| Tracking { entries, limit: 1000, dropped };
        for (now, nearly, full, overflowed) in [
            (at(899, 7), false, false, false),
            (at(900, 3), true, false, false),
            (at(900, 4), true, false, true),
            (at(1000, 3), true, true, true),
            (Tracking { entries: 5000, limit: 0, dropped: 9 }, false, false, false),
        ] {
            let found = (now.is_nearly_full(), now.is_full(), now.has_overflowed(&at(0, 3)));
            assert_eq!(found, (nearly, full, overflowed), "{now:?}");
        }
    }
}
