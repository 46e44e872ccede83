//! Reassembles one direction of a TCP connection from packets that are duplicated, out of order or truncated.

use std::borrow::Cow;

/// Maximum number of segments of a stream; consecutive ones are merged.
const SEGMENTS: usize = 64;
/// Maximum distance of a segment from the first byte, in either direction; others are ignored.
const MAX_DISTANCE: i64 = 1 << 20;

/// The bytes of a stream that have not been read yet.
///
/// It buffers at most `limit` bytes in at most [`SEGMENTS`] segments, with an overhead of 40 bytes each.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Sequence number of the first unread byte; `None` before the first segment.
    base: Option<u32>,
    /// `base` is certain; otherwise an earlier segment may still arrive.
    pinned: bool,
    limit: usize,
    buffered: usize,
    /// A segment did not fit.
    overflowed: bool,
    segments: Vec<Segment>,
}

#[derive(Debug)]
struct Segment {
    sequence: u32,
    /// Length before truncation; `bytes` were captured.
    length: u32,
    bytes: Vec<u8>,
}

/// The bytes from the beginning to the first gap.
#[derive(Debug)]
pub(crate) struct Prefix<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    /// The following bytes were not captured or do not fit: they will not arrive.
    pub(crate) ends: bool,
}

impl Stream {
    /// An empty stream. If `pinned`, the first byte seen is the first one sent.
    pub(crate) const fn new(pinned: bool, limit: usize) -> Self {
        Self { base: None, pinned, limit, buffered: 0, overflowed: false, segments: Vec::new() }
    }

    /// Adds a segment; `length` is its length before truncation. A segment that does not fit is ignored.
    pub(crate) fn add(&mut self, sequence: u32, bytes: &[u8], length: u32) {
        let base = *self.base.get_or_insert(sequence);
        let offset = distance(base, sequence);
        if offset.abs() > MAX_DISTANCE || self.is_known(sequence, bytes.len()) {
            return;
        }
        if self.is_full() || bytes.len() > self.limit.saturating_sub(self.buffered) {
            self.overflowed = true;
            return;
        }
        if offset < 0 && !self.pinned {
            self.base = Some(sequence);
        }
        self.buffered += bytes.len();
        match self.segments.last_mut().filter(|last| last.is_followed_by(sequence)) {
            Some(last) => last.extend(bytes, length),
            None => self.segments.push(Segment { sequence, length, bytes: bytes.into() }),
        }
    }

    /// Whether further segments are ignored.
    pub(crate) const fn is_full(&self) -> bool {
        self.overflowed || self.buffered >= self.limit || self.segments.len() >= SEGMENTS
    }

    /// Marks the first byte as the first one sent.
    pub(crate) const fn pin(&mut self) {
        self.pinned = true;
    }

    pub(crate) const fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// The bytes up to the first gap.
    pub(crate) fn prefix(&mut self) -> Prefix<'_> {
        let base = self.base.unwrap_or_default();
        self.segments.sort_by_key(|segment| distance(base, segment.sequence));
        let mut bytes: Cow<'_, [u8]> = Cow::Borrowed(&[]);
        let mut end = 0;
        for segment in &self.segments {
            let offset = distance(base, segment.sequence);
            let Some(known) = usize::try_from(i64::try_from(bytes.len()).unwrap_or(i64::MAX) - offset).ok() else {
                break;
            };
            end = end.max(offset + i64::from(segment.length));
            match segment.bytes.get(known..) {
                Some(new) if bytes.is_empty() => bytes = Cow::Borrowed(new),
                Some(new) if !new.is_empty() => bytes.to_mut().extend_from_slice(new),
                _ => {}
            }
        }
        let ends = self.is_full() || usize::try_from(end).is_ok_and(|end| end > bytes.len());
        Prefix { bytes, ends }
    }

    /// Removes the first `bytes` bytes, even if they have not arrived.
    pub(crate) fn skip(&mut self, bytes: u32) {
        let base = self.base.unwrap_or_default().wrapping_add(bytes);
        self.base = Some(base);
        self.segments.retain(|segment| distance(base, segment.sequence) + i64::from(segment.length) > 0);
        self.overflowed = false;
        self.buffered = self.segments.iter().map(|segment| segment.bytes.len()).sum();
    }

    /// Whether all these bytes were read already or are buffered.
    fn is_known(&self, sequence: u32, length: usize) -> bool {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let read = self.pinned && self.base.is_some_and(|base| distance(base, sequence).saturating_add(length) <= 0);
        let contains = |segment: &Segment| {
            let from = distance(segment.sequence, sequence);
            let buffered = i64::try_from(segment.bytes.len()).unwrap_or(i64::MAX);
            from >= 0 && from.saturating_add(length) <= buffered
        };
        read || self.segments.iter().any(contains)
    }
}

impl Segment {
    fn is_followed_by(&self, sequence: u32) -> bool {
        let captured = u32::try_from(self.bytes.len());
        captured == Ok(self.length) && self.sequence.wrapping_add(self.length) == sequence
    }

    fn extend(&mut self, bytes: &[u8], length: u32) {
        self.bytes.extend_from_slice(bytes);
        self.length = self.length.saturating_add(length);
    }
}

/// The distance between two sequence numbers, which wrap around (RFC 9293, section 3.4).
fn distance(from: u32, to: u32) -> i64 {
    i64::from(to.wrapping_sub(from).cast_signed())
}
