//! What no tool does: the cheap questions whether the rules of nf_tables have changed and whether some are there, the removal of a table only if it is
//! empty, and that of a rule among others that the tools of iptables cannot read.
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
const NEW_RULE: u16 = 6;
const GET_RULE: u16 = 7;
const DELETE_RULE: u16 = 8;
const NEW_GENERATION: u16 = 15;
const GET_GENERATION: u16 = 16;

const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

const REQUEST: u16 = 0x1;
const ACKNOWLEDGE: u16 = 0x4;
/// Only what is empty is deleted.
const NOT_RECURSIVE: u16 = 0x100;
/// What is left of an attribute's type without `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
const NESTED: u16 = 0x3fff;
/// All of them.
const DUMP: u16 = 0x300;

/// `NFTA_TABLE_NAME`, `NFTA_CHAIN_TABLE`, `NFTA_CHAIN_NAME`.
const TABLE_NAME: u16 = 1;
const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
/// `NFTA_RULE_TABLE`, `NFTA_RULE_CHAIN`, `NFTA_RULE_HANDLE`, `NFTA_RULE_EXPRESSIONS`; `NFTA_VERDICT_CHAIN` deep in the last.
const RULE_TABLE: u16 = 1;
const RULE_CHAIN: u16 = 2;
const RULE_HANDLE: u16 = 3;
const RULE_EXPRESSIONS: u16 = 4;
const VERDICT_CHAIN: u16 = 2;

/// `NFPROTO_INET`.
const INET: u8 = 1;

/// `NLMSG_ERROR`, which acknowledges, too.
const ERROR: u16 = 2;
/// `NLMSG_DONE`.
const DONE: u16 = 3;
/// `struct nlmsghdr` and `struct nfgenmsg`.
const HEADER: usize = 16;
const FAMILY_HEADER: usize = 4;
/// An answer is smaller; what does not fit is of no interest.
const BUFFER_BYTES: usize = 1024;
/// A part of a listing: the kernel fills what it is given, up to 32 KiB.
const LISTING_BYTES: usize = 64 * 1024;

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
        self.commit(batch)
    }

    /// Deletes the rules of a chain that lead to another one. False if one of them is gone meanwhile.
    pub(crate) fn delete_jumps(&self, family: Family, table: &str, chain: &str, to: &str) -> io::Result<bool> {
        let (table, chain) = (attribute(RULE_TABLE, table), attribute(RULE_CHAIN, chain));
        let handles = self.jumps(number(family), &[&table, &chain], to)?;
        if handles.is_empty() {
            return Ok(true);
        }
        let mut batch = message(BATCH_BEGIN, REQUEST, 0, &[]);
        for handle in handles {
            let attributes: [&[u8]; 3] = [&table, &chain, &handle];
            let delete = SUBSYSTEM << 8 | DELETE_RULE;
            batch.extend(message(delete, REQUEST | ACKNOWLEDGE, number(family), &attributes));
        }
        self.commit(batch)
    }

    /// Whether a chain has rules; `None` for the family `inet`. One that is not there has none.
    pub(crate) fn has_rules(&self, family: Option<Family>, table: &str, chain: &str) -> io::Result<bool> {
        let mut found = false;
        let names: [&[u8]; 2] = [&attribute(RULE_TABLE, table), &attribute(RULE_CHAIN, chain)];
        self.rules(family.map_or(INET, number), &names, |_| found = true)?;
        Ok(found)
    }

    /// Whether a rule of a chain leads to another one.
    pub(crate) fn has_jump(&self, family: Family, table: &str, chain: &str, to: &str) -> io::Result<bool> {
        let names: [&[u8]; 2] = [&attribute(RULE_TABLE, table), &attribute(RULE_CHAIN, chain)];
        self.jumps(number(family), &names, to).map(|handles| !handles.is_empty())
    }

    /// The attributes that name the rules which lead to a chain.
    fn jumps(&self, family: u8, names: &[&[u8]], to: &str) -> io::Result<Vec<Vec<u8>>> {
        let mut handles = Vec::new();
        self.rules(family, names, |rule| handles.extend(jump(rule, to).map(<[u8]>::to_vec)))?;
        Ok(handles)
    }

    /// Lists the rules of a chain, by their attributes.
    fn rules(&self, family: u8, names: &[&[u8]], mut each: impl FnMut(&[u8])) -> io::Result<()> {
        self.0.send(&message(SUBSYSTEM << 8 | GET_RULE, REQUEST | DUMP, family, names), 0)?;
        loop {
            let mut buffer = Vec::with_capacity(LISTING_BYTES);
            self.0.recv(&mut buffer, 0)?;
            let mut rest = buffer.as_slice();
            while let Some((length, (kind, body))) = length(rest).zip(parts(rest)) {
                match kind {
                    DONE => return Ok(()),
                    kind if kind == SUBSYSTEM << 8 | NEW_RULE => {
                        each(rest.get(HEADER + FAMILY_HEADER..length).ok_or_else(malformed)?);
                    }
                    _ => result(kind, body)?,
                }
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }

    /// Ends a batch and sends it; whether all that is in it was done. It is all or nothing.
    fn commit(&self, mut batch: Vec<u8>) -> io::Result<bool> {
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

/// The handle of a rule, as an attribute, if the rule leads to a chain.
fn jump<'a>(rule: &'a [u8], to: &str) -> Option<&'a [u8]> {
    let (mut handle, mut leads) = (None, false);
    let mut rest = rule;
    while let Some((attribute, kind)) = first(rest) {
        match kind {
            RULE_HANDLE => handle = Some(attribute),
            RULE_EXPRESSIONS => leads = names_chain(attribute, to),
            _ => {}
        }
        rest = rest.get(attribute.len().next_multiple_of(4)..).unwrap_or_default();
    }
    handle.filter(|_| leads)
}

/// Whether there is a verdict in the expressions that names a chain: its attribute is there unencoded, however deep.
fn names_chain(expressions: &[u8], chain: &str) -> bool {
    let verdict = attribute(VERDICT_CHAIN, chain);
    let named = verdict.get(..4 + chain.len() + 1).unwrap_or(&verdict);
    expressions
        .chunks(4)
        .enumerate()
        .any(|(word, _)| expressions.get(word * 4..).is_some_and(|rest| rest.starts_with(named)))
}

/// The first attribute, with its header, and its type.
fn first(attributes: &[u8]) -> Option<(&[u8], u16)> {
    let word = |at: usize| Some(u16::from_ne_bytes(attributes.get(at..at + 2)?.try_into().ok()?));
    let (length, kind) = (usize::from(word(0)?), word(2)? & NESTED);
    attributes.get(..length).filter(|_| length >= 4).zip(Some(kind))
}

/// How long the first message is, with its header.
fn length(messages: &[u8]) -> Option<usize> {
    let length = u32::from_ne_bytes(messages.get(..4)?.try_into().ok()?);
    usize::try_from(length).ok().filter(|length| *length >= HEADER && *length <= messages.len())
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
