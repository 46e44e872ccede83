//! Reads DNS messages (RFC 1035): which name a question asks for, and which addresses an answer gives for it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Header, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, DecodeError};

use crate::chain;
use crate::name;

/// What a message says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading<T> {
    /// This.
    Of(T),
    /// Nothing about a host's addresses, but it is a message.
    Nothing,
    /// It is no DNS message, or not one of this direction.
    Malformed,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Chosen by the asker, repeated in the answer.
    pub(crate) id: u16,
    /// The name asked for.
    pub(crate) name: Arc<str>,
}

/// What was answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// To which question.
    pub(crate) asked: Asked,
    /// The addresses that the name leads to, with how long that holds.
    pub(crate) addresses: Vec<(IpAddr, Duration)>,
}

/// Reads a message that goes to a name server.
pub(crate) fn question(bytes: &[u8]) -> Reading<Asked> {
    match head(&mut BinDecoder::new(bytes)) {
        Some((header, query)) if header.metadata.message_type == MessageType::Query => {
            if header.metadata.op_code != OpCode::Query {
                return Reading::Nothing;
            }
            asked(&header, &query).map_or(Reading::Nothing, Reading::Of)
        }
        _ => Reading::Malformed,
    }
}

/// Reads a message that comes from a name server. `cut` says that its end is missing; then what is there counts, as
/// it does if the server says that it left out something (TC): the question asked again over TCP brings the rest.
pub(crate) fn answer(bytes: &[u8], cut: bool) -> Reading<Answer> {
    let mut decoder = BinDecoder::new(bytes);
    let Some((header, query)) = head(&mut decoder) else { return Reading::Malformed };
    if header.metadata.message_type != MessageType::Response {
        return Reading::Malformed;
    }
    let Ok(records) = records(&mut decoder, &header, cut || header.metadata.truncation) else {
        return Reading::Malformed;
    };
    match asked(&header, &query) {
        Some(asked) if succeeded(&header, &records) => {
            Reading::Of(Answer { asked, addresses: chain::addresses(&query.name, &records) })
        }
        _ => Reading::Nothing,
    }
}

/// The header and the question, if it is exactly one. More are never sent (RFC 9619).
fn head(decoder: &mut BinDecoder<'_>) -> Option<(Header, Query)> {
    let header = Header::read(decoder).ok().filter(|header| header.counts.queries == 1)?;
    Some((header, Query::read(decoder).ok()?))
}

fn asked(header: &Header, query: &Query) -> Option<Asked> {
    let name = (query.query_class == DNSClass::IN).then(|| host(&query.name, query.query_type)).flatten()?;
    Some(Asked { id: header.metadata.id, name: name.into() })
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

/// The records of all sections behind the question. Running out of bytes is no error where the message is not whole.
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

/// A plain answer without an error, also none that only EDNS can express (RFC 6891, section 6.1.3).
fn succeeded(header: &Header, records: &[Record]) -> bool {
    let extended = |record: &Record| record.record_type() == RecordType::OPT && record.ttl >> 24 != 0;
    header.metadata.op_code == OpCode::Query
        && header.metadata.response_code == ResponseCode::NoError
        && !records.iter().any(extended)
}
