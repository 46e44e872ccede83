//! Parses DNS messages (RFC 1035): the name of a question, and the addresses of an answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Header, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, DecodeError};

use crate::chain;
use crate::name;

/// The result of parsing a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed<T> {
    Message(T),
    /// A valid message that is not about addresses of a host.
    Irrelevant,
    /// Not a DNS message, or one of the other direction.
    Malformed,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// The message id, which the answer repeats.
    pub(crate) id: u16,
    pub(crate) name: Arc<str>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) question: Question,
    /// The addresses of the name, with their lifetimes.
    pub(crate) addresses: Vec<(IpAddr, Duration)>,
}

/// Parses a message to a name server.
pub(crate) fn question(bytes: &[u8]) -> Parsed<Question> {
    match head(&mut BinDecoder::new(bytes)) {
        Some((header, query)) if header.metadata.message_type == MessageType::Query => {
            if header.metadata.op_code != OpCode::Query {
                return Parsed::Irrelevant;
            }
            question_of(&header, &query).map_or(Parsed::Irrelevant, Parsed::Message)
        }
        _ => Parsed::Malformed,
    }
}

/// Parses a message from a name server. If its end is missing (`cut`) or the server has truncated it (TC), the available records
/// count: the query repeated over TCP brings the others.
pub(crate) fn answer(bytes: &[u8], cut: bool) -> Parsed<Answer> {
    let mut decoder = BinDecoder::new(bytes);
    let Some((header, query)) = head(&mut decoder) else { return Parsed::Malformed };
    if header.metadata.message_type != MessageType::Response {
        return Parsed::Malformed;
    }
    let Ok(records) = records(&mut decoder, &header, cut || header.metadata.truncation) else {
        return Parsed::Malformed;
    };
    match question_of(&header, &query) {
        Some(question) if succeeded(&header, &records) => {
            Parsed::Message(Answer { question, addresses: chain::addresses(&query.name, &records) })
        }
        _ => Parsed::Irrelevant,
    }
}

/// The header and the question of a message with one question; others are not sent (RFC 9619).
fn head(decoder: &mut BinDecoder<'_>) -> Option<(Header, Query)> {
    let header = Header::read(decoder).ok().filter(|header| header.counts.queries == 1)?;
    Some((header, Query::read(decoder).ok()?))
}

fn question_of(header: &Header, query: &Query) -> Option<Question> {
    let name = (query.query_class == DNSClass::IN).then(|| host(&query.name, query.query_type)).flatten()?;
    Some(Question { id: header.metadata.id, name: name.into() })
}

/// The host of a question. A question for the HTTPS record of another port than 443 is for `_PORT._https.HOST`
/// (RFC 9460, section 9.1).
fn host(name: &Name, kind: RecordType) -> Option<String> {
    let whole = name::from_labels(name.iter())?;
    let port_in_front = |rest: &str| {
        let (port, host) = rest.split_once("._https.")?;
        port.bytes().all(|byte| byte.is_ascii_digit()).then(|| host.to_owned())
    };
    let host = whole.strip_prefix('_').filter(|_| kind == RecordType::HTTPS).and_then(port_in_front);
    Some(host.unwrap_or(whole))
}

/// The records of all sections after the question. The end of the bytes is no error in an incomplete message.
fn records(decoder: &mut BinDecoder<'_>, header: &Header, cut: bool) -> Result<Vec<Record>, DecodeError> {
    let counts = &header.counts;
    let count = [counts.answers, counts.authorities, counts.additionals].into_iter().map(usize::from).sum();
    let mut records = Vec::new();
    while records.len() < count {
        match Record::read(decoder) {
            Ok(record) => records.push(record),
            Err(error) if cut && ran_out(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(records)
}

const fn ran_out(error: &DecodeError) -> bool {
    matches!(error, DecodeError::InsufficientBytes | DecodeError::IncorrectRDataLengthRead { .. })
}

/// Whether the answer has no error, neither in the header nor an extended one (RFC 6891, section 6.1.3).
fn succeeded(header: &Header, records: &[Record]) -> bool {
    let extended = |record: &Record| record.record_type() == RecordType::OPT && record.ttl >> 24 != 0;
    header.metadata.op_code == OpCode::Query
        && header.metadata.response_code == ResponseCode::NoError
        && !records.iter().any(extended)
}
