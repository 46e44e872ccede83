//! Puts one direction of a TCP connection back into order, from packets that came twice, out of order or cut short.

use std::borrow::Cow;

/// Pieces kept of one stream; those that came in order are one.
const PIECES: usize = 64;
/// How far from the first byte a piece may lie, in either direction: further off it is no part of what is read here.
const REACH: i64 = 1 << 20;

/// The bytes of a stream that have not been read yet.
///
/// It holds at most `limit` bytes in at most [`PIECES`] pieces, 40 bytes each beside what they hold.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Sequence number of the first byte not read yet; `None` before any was seen.
    base: Option<u32>,
    /// `base` is certain; else an earlier piece may still come.
    pinned: bool,
    limit: usize,
    held: usize,
    /// Something had no room.
    overflowed: bool,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    sequence: u32,
    /// Bytes that the packet had; of these `bytes` were captured.
    length: u32,
    bytes: Vec<u8>,
}

/// The bytes that can be read now.
#[derive(Debug)]
pub(crate) struct Prefix<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    /// What follows was not captured, or no room is left for it: it will not come.
    pub(crate) ends: bool,
}

impl Stream {
    /// A stream of which nothing was seen yet. `pinned` says that the first byte seen will be the first one sent.
    pub(crate) const fn new(pinned: bool, limit: usize) -> Self {
        Self { base: None, pinned, limit, held: 0, overflowed: false, pieces: Vec::new() }
    }

    /// Adds what a packet carried; `length` is what it carried before it was cut. What has no room is left out.
    pub(crate) fn add(&mut self, sequence: u32, bytes: &[u8], length: u32) {
        let base = *self.base.get_or_insert(sequence);
        let offset = distance(base, sequence);
        if offset.abs() > REACH || self.is_known(sequence, bytes.len()) {
            return;
        }
        if self.is_full() || bytes.len() > self.limit.saturating_sub(self.held) {
            self.overflowed = true;
            return;
        }
        if offset < 0 && !self.pinned {
            self.base = Some(sequence);
        }
        self.held += bytes.len();
        match self.pieces.last_mut().filter(|last| last.is_followed_by(sequence)) {
            Some(last) => last.extend(bytes, length),
            None => self.pieces.push(Piece { sequence, length, bytes: bytes.into() }),
        }
    }

    /// Nothing more can be taken in.
    pub(crate) const fn is_full(&self) -> bool {
        self.overflowed || self.held >= self.limit || self.pieces.len() >= PIECES
    }

    /// The first byte is now known to be the first.
    pub(crate) const fn pin(&mut self) {
        self.pinned = true;
    }

    pub(crate) const fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// What stands at the beginning without a gap.
    pub(crate) fn prefix(&mut self) -> Prefix<'_> {
        let base = self.base.unwrap_or_default();
        self.pieces.sort_by_key(|piece| distance(base, piece.sequence));
        let mut bytes: Cow<'_, [u8]> = Cow::Borrowed(&[]);
        let mut reaches = 0;
        for piece in &self.pieces {
            let offset = distance(base, piece.sequence);
            let Some(known) = usize::try_from(i64::try_from(bytes.len()).unwrap_or(i64::MAX) - offset).ok() else {
                break;
            };
            reaches = reaches.max(offset + i64::from(piece.length));
            match piece.bytes.get(known..) {
                Some(new) if bytes.is_empty() => bytes = Cow::Borrowed(new),
                Some(new) if !new.is_empty() => bytes.to_mut().extend_from_slice(new),
                _ => {}
            }
        }
        let ends = self.is_full() || usize::try_from(reaches).is_ok_and(|reaches| reaches > bytes.len());
        Prefix { bytes, ends }
    }

    /// The first so many bytes are done with, whether they came or not.
    pub(crate) fn skip(&mut self, bytes: u32) {
        let base = self.base.unwrap_or_default().wrapping_add(bytes);
        self.base = Some(base);
        self.pieces.retain(|piece| distance(base, piece.sequence) + i64::from(piece.length) > 0);
        self.overflowed = false;
        self.held = self.pieces.iter().map(|piece| piece.bytes.len()).sum();
    }

    /// All these bytes were read already, or are held.
    fn is_known(&self, sequence: u32, length: usize) -> bool {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let read = self.pinned && self.base.is_some_and(|base| distance(base, sequence).saturating_add(length) <= 0);
        let holds = |piece: &Piece| {
            let from = distance(piece.sequence, sequence);
            let held = i64::try_from(piece.bytes.len()).unwrap_or(i64::MAX);
            from >= 0 && from.saturating_add(length) <= held
        };
        read || self.pieces.iter().any(holds)
    }
}

impl Piece {
    fn is_followed_by(&self, sequence: u32) -> bool {
        let held = u32::try_from(self.bytes.len());
        held == Ok(self.length) && self.sequence.wrapping_add(self.length) == sequence
    }

    fn extend(&mut self, bytes: &[u8], length: u32) {
        self.bytes.extend_from_slice(bytes);
        self.length = self.length.saturating_add(length);
    }
}

/// How far a sequence number lies behind another. They wrap around (RFC 9293, section 3.4).
fn distance(from: u32, to: u32) -> i64 {
    i64::from(to.wrapping_sub(from).cast_signed())
}
