//! Packets that the rules send back although they have their verdict.

use std::hash::{DefaultHasher, Hasher as _};
use std::time::{Duration, Instant};

/// So often the very same packet may come within [`WHILE`]. A datagram that is sent again and again, of a flow that is not
/// tracked, comes often too.
const OFTEN: u32 = 64;
const WHILE: Duration = Duration::from_secs(1);
/// Packets that are remembered; 32 bytes each. A packet with the same slot evicts the one before.
const PLACES: usize = 256;

/// Detects packets that circle between rules and queue.
pub(super) struct Returning(Vec<Option<Seen>>);

/// A packet, by what is in it.
#[derive(Clone, Copy)]
struct Seen {
    hash: u64,
    first: Instant,
    times: u32,
}

impl Default for Returning {
    fn default() -> Self {
        Self(vec![None; PLACES])
    }
}

impl Returning {
    /// Notes a packet; says whether it has come too often.
    pub(super) fn note(&mut self, packet: &[u8], now: Instant) -> bool {
        let mut hasher = DefaultHasher::new();
        hasher.write(packet);
        let hash = hasher.finish();
        let place = usize::try_from(hash % PLACES as u64).unwrap_or(0);
        let Some(place) = self.0.get_mut(place) else { return false };
        let before = place.filter(|seen| seen.hash == hash && now.saturating_duration_since(seen.first) < WHILE);
        let seen = before.unwrap_or(Seen { hash, first: now, times: 0 });
        let times = seen.times.saturating_add(1);
        *place = Some(Seen { times, ..seen });
        times > OFTEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_frequent_immediate_repetitions_are_returning() {
        let (mut returning, now) = (Returning::default(), Instant::now());
        let turns = |returning: &mut Returning, packet: &[u8], at| (0..=OFTEN).any(|_| returning.note(packet, at));
        assert!(turns(&mut returning, b"one", now));
        let different = (0..10_000_u32).any(|number| returning.note(&number.to_be_bytes(), now));
        assert!(!different);
        let mut slow = (0..1000).map(|second| now + WHILE * second);
        assert!(!slow.any(|at| returning.note(b"two", at)));
    }
}
