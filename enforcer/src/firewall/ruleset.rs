//! What no tool does: the cheap question whether the rules of nf_tables have changed, and the removal of a table only
//! if it is empty.
//!
//! Messages as in `include/uapi/linux/netfilter/nf_tables.h`; the kernel answers before `send` returns.

use std::io::{self, ErrorKind};

use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_NETFILTER;

use super::Family;

const SUBSYSTEM: u16 = 10;
const GET_TABLE: u16 = 1;
const DELETE_TABLE: u16 = 2;
const GET_CHAIN: u16 = 4;
const DELETE_CHAIN: u16 = 5;
const NEW_GENERATION: u16 = 15;
const GET_GENERATION: u16 = 16;

const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

const REQUEST: u16 = 0x1;
const ACKNOWLEDGE: u16 = 0x4;
/// Only what is empty is deleted.
const NOT_RECURSIVE: u16 = 0x100;

/// `NFTA_TABLE_NAME`, `NFTA_CHAIN_TABLE`, `NFTA_CHAIN_NAME`.
const TABLE_NAME: u16 = 1;
const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;

/// `NLMSG_ERROR`, which acknowledges, too.
const ERROR: u16 = 2;
/// `struct nlmsghdr` and `struct nfgenmsg`.
const HEADER: usize = 16;
const FAMILY_HEADER: usize = 4;
/// An answer is smaller; what does not fit is of no interest.
const BUFFER_BYTES: usize = 1024;

/// A conversation with nf_tables in the network namespace of the thread that opened it.
pub(crate) struct Ruleset(Socket);

impl Ruleset {
    /// Opens it.
    pub(crate) fn open() -> io::Result<Self> {
        let socket = Socket::new(NETLINK_NETFILTER)?;
        socket.set_non_blocking(true)?;
        Ok(Self(socket))
    }

    /// A number that changes whenever somebody changes a rule, table, chain or set (`NFT_MSG_GETGEN`, Linux 3.13).
    pub(crate) fn generation(&self) -> io::Result<u32> {
        self.0.send(&message(SUBSYSTEM << 8 | GET_GENERATION, REQUEST, 0, &[]), 0)?;
        let answer = self.receive()?;
        let (kind, body) = parts(&answer).ok_or_else(malformed)?;
        if kind != SUBSYSTEM << 8 | NEW_GENERATION {
            return Err(result(kind, body).err().unwrap_or_else(malformed));
        }
        // The first attribute, behind its length and type; of network byte order.
        let number = body.get(FAMILY_HEADER + 4..FAMILY_HEADER + 8).and_then(|bytes| bytes.try_into().ok());
        number.map(u32::from_be_bytes).ok_or_else(malformed)
    }

    /// Whether there is such a table.
    pub(crate) fn has_table(&self, family: Family, table: &str) -> io::Result<bool> {
        self.has(GET_TABLE, family, &[&attribute(TABLE_NAME, table)])
    }

    /// Whether there is such a chain.
    pub(crate) fn has_chain(&self, family: Family, table: &str, chain: &str) -> io::Result<bool> {
        self.has(GET_CHAIN, family, &[&attribute(CHAIN_TABLE, table), &attribute(CHAIN_NAME, chain)])
    }

    fn has(&self, what: u16, family: Family, names: &[&[u8]]) -> io::Result<bool> {
        self.0.send(&message(SUBSYSTEM << 8 | what, REQUEST, number(family), names), 0)?;
        let answer = self.receive()?;
        let (kind, body) = parts(&answer).ok_or_else(malformed)?;
        match result(kind, body) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            result => result.map(|()| true),
        }
    }

    /// Deletes these chains if all of them are empty, and with them their table, if so asked and nothing else is in it:
    /// all of this or nothing. False if it is not so.
    pub(crate) fn delete_empty(&self, family: Family, table: &str, chains: &[&str], whole: bool) -> io::Result<bool> {
        let (family, flags) = (number(family), REQUEST | ACKNOWLEDGE | NOT_RECURSIVE);
        let mut batch = message(BATCH_BEGIN, REQUEST, 0, &[]);
        for chain in chains {
            let (table, chain) = (attribute(CHAIN_TABLE, table), attribute(CHAIN_NAME, chain));
            batch.extend(message(SUBSYSTEM << 8 | DELETE_CHAIN, flags, family, &[&table, &chain]));
        }
        if whole {
            batch.extend(message(SUBSYSTEM << 8 | DELETE_TABLE, flags, family, &[&attribute(TABLE_NAME, table)]));
        }
        batch.extend(message(BATCH_END, REQUEST, 0, &[]));
        self.0.send(&batch, 0)?;
        let mut deleted = true;
        loop {
            let answer = match self.receive() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(deleted),
                answer => answer?,
            };
            let (kind, body) = parts(&answer).ok_or_else(malformed)?;
            deleted &= result(kind, body).is_ok();
        }
    }

    fn receive(&self) -> io::Result<Vec<u8>> {
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        self.0.recv(&mut buffer, 0)?;
        Ok(buffer)
    }
}

const fn number(family: Family) -> u8 {
    match family {
        Family::V4 => 2,
        Family::V6 => 10,
    }
}

fn malformed() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "an answer of nf_tables makes no sense")
}

/// A message; the batch's own ones name the subsystem in the header of the family.
fn message(kind: u16, flags: u16, family: u8, attributes: &[&[u8]]) -> Vec<u8> {
    let length = HEADER + FAMILY_HEADER + attributes.iter().map(|attribute| attribute.len()).sum::<usize>();
    let mut message = Vec::with_capacity(length);
    message.extend(u32::try_from(length).unwrap_or_default().to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    // Sequence number, and the port that the kernel fills in.
    message.extend([0; 8]);
    message.extend([family, 0]);
    message.extend(if kind >> 8 == 0 { SUBSYSTEM } else { 0 }.to_be_bytes());
    attributes.iter().for_each(|attribute| message.extend(*attribute));
    message
}

/// A string with its final zero, filled up to words of four bytes.
fn attribute(kind: u16, value: &str) -> Vec<u8> {
    let length = 4 + value.len() + 1;
    let mut attribute = Vec::with_capacity(length.next_multiple_of(4));
    attribute.extend(u16::try_from(length).unwrap_or_default().to_ne_bytes());
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(value.as_bytes());
    attribute.resize(length.next_multiple_of(4).max(length), 0);
    attribute
}

/// The type of a message, and what is behind its header.
fn parts(message: &[u8]) -> Option<(u16, &[u8])> {
    let kind = message.get(4..6)?.try_into().ok()?;
    Some((u16::from_ne_bytes(kind), message.get(HEADER..)?))
}

/// What an answer says of success; an error number of zero acknowledges.
fn result(kind: u16, body: &[u8]) -> io::Result<()> {
    if kind != ERROR {
        return Ok(());
    }
    let number = body.get(..4).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes).ok_or_else(malformed)?;
    if number == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(number.saturating_neg())) }
}
