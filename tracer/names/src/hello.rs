//! Parses the server name in the ClientHello of a TLS connection (RFC 6066, section 3; RFC 8446, section 4.1.2).

use std::borrow::Cow;

use tls_parser::{
    MAX_RECORD_LEN, TlsExtension, TlsHandshakeType, TlsRecordType, parse_tls_extension_sni_content,
    parse_tls_extension_unknown, parse_tls_handshake_client_hello, parse_tls_record_header,
};

use crate::name;

/// The result of parsing the first bytes of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Hello {
    /// A ClientHello with this server name.
    ServerName(String),
    /// A ClientHello without a server name.
    NoName,
    /// The beginning of a ClientHello.
    Incomplete,
    /// Not TLS.
    NotTls,
    /// An invalid ClientHello.
    Malformed,
}

const SNI: u16 = 0;
const HOST_NAME: u8 = 0;

/// Parses the first bytes of a connection.
pub(crate) fn parse(bytes: &[u8]) -> Hello {
    let Some(handshake) = handshake(bytes) else { return Hello::NotTls };
    let Some((&[kind, high, middle, low], rest)) = handshake.split_first_chunk::<4>() else {
        return Hello::Incomplete;
    };
    if kind != u8::from(TlsHandshakeType::ClientHello) {
        return Hello::NotTls;
    }
    let length = u32::from_be_bytes([0, high, middle, low]);
    let complete = usize::try_from(length).ok().and_then(|length| rest.get(..length));
    match (server_name(complete.unwrap_or(rest)), complete) {
        (Ok(Some(server)), _) => name::from_text(server).map_or(Hello::NoName, Hello::ServerName),
        (_, None) => Hello::Incomplete,
        (Ok(None), Some(_)) => Hello::NoName,
        (Err(Invalid), Some(_)) => Hello::Malformed,
    }
}

/// The handshake messages in the records at the beginning; `None` if there are none.
fn handshake(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut handshake = Cow::Borrowed(&[][..]);
    let mut rest = bytes;
    while let Ok((body, header)) = parse_tls_record_header(rest) {
        let plausible = header.version.0 >> 8 == 3 && (1..=MAX_RECORD_LEN).contains(&header.len);
        if header.record_type != TlsRecordType::Handshake || !plausible {
            return (!handshake.is_empty()).then_some(handshake);
        }
        let (content, next) = body.split_at_checked(header.len.into()).unwrap_or((body, &[]));
        if handshake.is_empty() {
            handshake = Cow::Borrowed(content);
        } else {
            handshake.to_mut().extend_from_slice(content);
        }
        rest = next;
    }
    let may_be_handshake =
        |(at, byte): (usize, &u8)| [u8::from(TlsRecordType::Handshake), 3].get(at).is_none_or(|is| is == byte);
    (!handshake.is_empty() || rest.iter().enumerate().all(may_be_handshake)).then_some(handshake)
}

struct Invalid;

/// The server name in the body of a ClientHello, whose end may be missing.
fn server_name(body: &[u8]) -> Result<Option<&[u8]>, Invalid> {
    let (rest, hello) = parse_tls_handshake_client_hello(body).map_err(|_| Invalid)?;
    let mut extensions = hello.ext.unwrap_or_else(|| truncated_list(rest));
    while !extensions.is_empty() {
        let (rest, extension) = parse_tls_extension_unknown(extensions).map_err(|_| Invalid)?;
        if let TlsExtension::Unknown(kind, content) = extension
            && kind.0 == SNI
        {
            return host_name(content);
        }
        extensions = rest;
    }
    Ok(None)
}

/// The list of extensions, after its length, with the end missing.
fn truncated_list(bytes: &[u8]) -> &[u8] {
    let Some((length, list)) = bytes.split_first_chunk::<2>() else { return &[] };
    list.get(..u16::from_be_bytes(*length).into()).unwrap_or(list)
}

fn host_name(content: &[u8]) -> Result<Option<&[u8]>, Invalid> {
    match parse_tls_extension_sni_content(content) {
        Ok((_, TlsExtension::SNI(names))) => {
            Ok(names.into_iter().find(|(kind, _)| kind.0 == HOST_NAME).map(|(_, name)| name))
        }
        _ => Err(Invalid),
    }
}
