//! DNS over TCP: finds the messages in streams of packets (RFC 1035, section 4.2.2).

use std::num::NonZeroUsize;

use lru::LruCache;

use crate::dns::Reading;
use crate::stream::Stream;
use crate::{Carrier, Segment};

/// Streams under way, the longest unused going first.
const STREAMS: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// Bytes held of one; a longer message is read as far as it is held. With the room that a buffer keeps to grow, all
/// streams of a direction together take at most 2.3 MB.
const HELD: usize = 16 * 1024;

/// The streams of one direction.
pub(crate) struct Messages {
    streams: LruCache<u64, Framed>,
}

struct Framed {
    stream: Stream,
    sense: Sense,
}

/// What a stream's bytes have turned out to be.
#[derive(PartialEq, Eq)]
enum Sense {
    /// Messages, or too few bytes to tell.
    Messages,
    /// What stands at the beginning is no message. An earlier piece may still come and put that right.
    Doubtful,
    /// Something else.
    Foreign,
}

impl Messages {
    pub(crate) fn new() -> Self {
        Self { streams: LruCache::new(STREAMS) }
    }

    /// What the messages say that can be read now. `read` gets a message, and whether its end is missing.
    pub(crate) fn read<T>(
        &mut self,
        segment: &Segment<'_>,
        mut read: impl FnMut(&[u8], bool) -> Reading<T>,
    ) -> Vec<Reading<T>> {
        let sequence = match segment.carrier {
            Carrier::Udp => return vec![read(segment.payload, segment.is_cut())],
            Carrier::Tcp { sequence } => sequence,
        };
        if segment.length == 0 {
            return Vec::new();
        }
        let mut readings = Vec::new();
        if !self.streams.contains(&segment.cookie) {
            let evicted = self.streams.push(segment.cookie, Framed::new());
            let doubtful = evicted.is_some_and(|(_, framed)| framed.sense == Sense::Doubtful);
            readings.extend(doubtful.then_some(Reading::Malformed));
        }
        if let Some(framed) = self.streams.get_mut(&segment.cookie) {
            framed.add(sequence, segment);
            readings.extend(std::iter::from_fn(|| framed.next(&mut read)));
            readings.extend(framed.settle());
        }
        readings
    }

    /// Forgets a socket's stream; says whether it looked malformed to the end.
    pub(crate) fn forget(&mut self, cookie: u64) -> bool {
        self.streams.pop(&cookie).is_some_and(|framed| framed.sense == Sense::Doubtful)
    }
}

impl Framed {
    const fn new() -> Self {
        Self { stream: Stream::new(false, HELD), sense: Sense::Messages }
    }

    fn add(&mut self, sequence: u32, segment: &Segment<'_>) {
        if self.sense != Sense::Foreign {
            self.stream.add(sequence, segment.payload, segment.full_length());
        }
    }

    /// What the next message says, if it can be read.
    ///
    /// The first piece seen need not be the first sent: until a message was understood, one that makes no sense
    /// stays where it is.
    fn next<T>(&mut self, read: &mut impl FnMut(&[u8], bool) -> Reading<T>) -> Option<Reading<T>> {
        let pinned = self.stream.is_pinned();
        let prefix = self.stream.prefix();
        let (length, rest) = prefix.bytes.split_first_chunk::<2>()?;
        let length = u16::from_be_bytes(*length);
        let reading = match rest.get(..length.into()) {
            Some(message) => read(message, false),
            None if prefix.ends => read(rest, true),
            None => return None,
        };
        if !pinned && matches!(reading, Reading::Malformed) {
            self.sense = Sense::Doubtful;
            return None;
        }
        self.sense = Sense::Messages;
        self.stream.pin();
        self.stream.skip(u32::from(length) + 2);
        Some(reading)
    }

    /// Where nothing more can be taken in and nothing be read, a piece is missing for good: messages are looked for
    /// again from the next piece on, but not where there never were any.
    fn settle<T>(&mut self) -> Option<Reading<T>> {
        if !self.stream.is_full() {
            return None;
        }
        self.stream = Stream::new(false, HELD);
        (self.sense == Sense::Doubtful).then(|| {
            self.sense = Sense::Foreign;
            Reading::Malformed
        })
    }
}
