//! DNS over TCP: extracts the messages of streams (RFC 1035, section 4.2.2).

use std::num::NonZeroUsize;

use crate::dns::Parsed;
use crate::fair::FairTable;
use crate::stream::Stream;
use crate::{Carrier, Segment};

/// Maximum number of streams.
const STREAMS: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// Maximum number of bytes buffered of a stream; a longer message is parsed as far as it is buffered. With the spare capacity of
/// buffers, all streams of a direction take at most 2.3 MB.
const BUFFER: usize = 16 * 1024;

/// The streams of one direction.
pub(crate) struct Messages {
    streams: FairTable<Framed>,
}

struct Framed {
    stream: Stream,
    content: Content,
}

/// The content of a stream.
#[derive(PartialEq, Eq)]
enum Content {
    /// DNS messages, or too few bytes.
    Messages,
    /// The beginning is no message. An earlier segment may still arrive and complete it.
    Doubtful,
    /// Not DNS.
    Other,
}

impl Messages {
    pub(crate) fn new() -> Self {
        Self { streams: FairTable::new(STREAMS) }
    }

    /// Adds a segment and parses complete messages. `parse` gets a message and whether its end is missing.
    pub(crate) fn add<T>(
        &mut self,
        segment: &Segment<'_>,
        mut parse: impl FnMut(&[u8], bool) -> Parsed<T>,
    ) -> Vec<Parsed<T>> {
        let sequence = match segment.carrier {
            Carrier::Udp => return vec![parse(segment.payload, segment.is_truncated())],
            Carrier::Tcp { sequence } => sequence,
        };
        if segment.length == 0 {
            return Vec::new();
        }
        let mut messages = Vec::new();
        if !self.streams.contains(segment.cookie) {
            let evicted = self.streams.insert(segment.cookie, segment.user, Framed::new());
            let doubtful = evicted.is_some_and(|framed| framed.content == Content::Doubtful);
            messages.extend(doubtful.then_some(Parsed::Malformed));
        }
        if let Some(framed) = self.streams.get_mut(segment.cookie) {
            framed.add(sequence, segment);
            messages.extend(std::iter::from_fn(|| framed.next(&mut parse)));
            messages.extend(framed.reset_if_full());
        }
        messages
    }

    /// Removes the stream of a socket. Returns whether it was malformed.
    pub(crate) fn remove(&mut self, cookie: u64) -> bool {
        self.streams.remove(cookie).is_some_and(|framed| framed.content == Content::Doubtful)
    }
}

impl Framed {
    const fn new() -> Self {
        Self { stream: Stream::new(false, BUFFER), content: Content::Messages }
    }

    fn add(&mut self, sequence: u32, segment: &Segment<'_>) {
        if self.content != Content::Other {
            self.stream.add(sequence, segment.payload, segment.full_length());
        }
    }

    /// Parses the next message, if it is complete.
    ///
    /// The first segment seen may not be the first one sent: until a message was parsed, a malformed one stays in the buffer.
    fn next<T>(&mut self, parse: &mut impl FnMut(&[u8], bool) -> Parsed<T>) -> Option<Parsed<T>> {
        let pinned = self.stream.is_pinned();
        let prefix = self.stream.prefix();
        let (length, rest) = prefix.bytes.split_first_chunk::<2>()?;
        let length = u16::from_be_bytes(*length);
        let message = match rest.get(..length.into()) {
            Some(message) => parse(message, false),
            None if prefix.ends => parse(rest, true),
            None => return None,
        };
        if !pinned && matches!(message, Parsed::Malformed) {
            self.content = Content::Doubtful;
            return None;
        }
        self.content = Content::Messages;
        self.stream.pin();
        self.stream.skip(u32::from(length) + 2);
        Some(message)
    }

    /// Resets a full buffer, in which a segment is permanently missing: parsing restarts with the next segment, unless the stream
    /// had no messages so far.
    fn reset_if_full<T>(&mut self) -> Option<Parsed<T>> {
        if !self.stream.is_full() {
            return None;
        }
        self.stream = Stream::new(false, BUFFER);
        (self.content == Content::Doubtful).then(|| {
            self.content = Content::Other;
            Parsed::Malformed
        })
    }
}
