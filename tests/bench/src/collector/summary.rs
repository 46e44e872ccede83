//! What a tracing program says at its end.

/// Records made, handed on and lost. bpftrace only tells the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) captured: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
}

impl Summary {
    /// From standard error: egret's `captured=N delivered=N lost=N`, bpftrace's `Lost N events`.
    pub(super) fn read(messages: &str) -> Self {
        let mut summary = Self::default();
        for line in messages.lines() {
            if let Some(lost) = line.strip_prefix("Lost ").and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok())
            {
                summary.lost += lost;
            }
            for word in line.split_whitespace() {
                summary.read_word(word);
            }
        }
        summary
    }

    fn read_word(&mut self, word: &str) {
        let Some((key, Ok(value))) = word.split_once('=').map(|(key, value)| (key, value.parse())) else { return };
        match key {
            "captured" => self.captured = value,
            "delivered" => self.delivered = value,
            "lost" => self.lost = value,
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
    fn reads_what_both_programs_say_about_losses() {
        let egret = Summary::read("egret: lost at FlowRing, RingFull: 3\ncaptured=10 delivered=7 lost=3\n");
        assert_eq!(egret, Summary { captured: 10, delivered: 7, lost: 3 });
        assert!(egret.adds_up());
        let bpftrace = Summary::read("WARNING: arithmetic\nLost 12 events\nLost 30 events\n");
        assert_eq!(bpftrace.lost, 42);
        assert!(!bpftrace.adds_up());
    }
}
