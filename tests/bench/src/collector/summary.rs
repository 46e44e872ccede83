//! The final report of a tracing program.

/// Records captured, delivered and lost, and those that sinks dropped. bpftrace reports losses only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) captured: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    /// By all sinks together.
    pub(crate) dropped: u64,
}

impl Summary {
    /// From egret's standard error: `captured=N delivered=N lost=N`, and of a daemon's sinks `sink=NAME ... dropped=N ...`.
    pub(super) fn read(messages: &str) -> Self {
        let mut summary = Self::default();
        for line in messages.lines() {
            for word in line.split_whitespace() {
                summary.read_word(word);
            }
        }
        summary
    }

    /// Adds what bpftrace reports on its standard output, among the events: `Lost N events`.
    pub(super) fn add_lost(&mut self, output: &str) {
        let lost = output.lines().filter_map(|line| line.strip_prefix("Lost ")?.split(' ').next()?.parse::<u64>().ok());
        self.lost += lost.sum::<u64>();
    }

    fn read_word(&mut self, word: &str) {
        let Some((key, Ok(value))) = word.split_once('=').map(|(key, value)| (key, value.parse())) else { return };
        match key {
            "captured" => self.captured = value,
            "delivered" => self.delivered = value,
            "lost" => self.lost = value,
            "dropped" => self.dropped += value,
            _ => {}
        }
    }

    /// Every record is accounted for.
    pub(crate) const fn adds_up(&self) -> bool {
        self.captured == self.delivered + self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;

    #[test]
    fn losses_of_both_programs_are_parsed() {
        let egret = Summary::read("egret: lost at flow_ring, ring_full: 3\ncaptured=10 delivered=7 lost=3\n");
        assert_eq!(egret, Summary { captured: 10, delivered: 7, lost: 3, dropped: 0 });
        assert!(egret.adds_up());
        let sinks = "sink=json enqueued=7 sent=5 dropped=2 queued=0\nsink=otlp enqueued=7 sent=6 dropped=1 queued=0\n";
        assert_eq!(Summary::read(sinks).dropped, 3);
        let mut bpftrace = Summary::read("WARNING: arithmetic\n");
        bpftrace.add_lost("open 1 2\nLost 12 events\nclose 1 2\nLost 30 events\n");
        assert_eq!(bpftrace.lost, 42);
        assert!(!bpftrace.adds_up());
    }
}
