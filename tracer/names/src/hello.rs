//! Reads the server name out of the first bytes of a TLS connection (RFC 6066, section 3; RFC 8446, section 4.1.2).

use std::borrow::Cow;

use tls_parser::{
    MAX_RECORD_LEN, TlsExtension, TlsHandshakeType, TlsRecordType, parse_tls_extension_sni_content,
    parse_tls_extension_unknown, parse_tls_handshake_client_hello, parse_tls_record_header,
};

use crate::name;

/// What the first bytes of a connection are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Hello {
    /// A TLS client's greeting to this server.
    To(String),
    /// A TLS client's greeting without the name of a server.
    Nameless,
    /// So far the beginning of a greeting.
    Unfinished,
    /// No TLS.
    Foreign,
    /// Something that calls itself a greeting and is none.
    Malformed,
}

const SNI: u16 = 0;
const HOST_NAME: u8 = 0;

/// Reads the first bytes of a connection.
pub(crate) fn read(bytes: &[u8]) -> Hello {
    let Some(handshake) = handshake(bytes) else { return Hello::Foreign };
    let Some((&[kind, high, middle, low], rest)) = handshake.split_first_chunk::<4>() else {
        return Hello::Unfinished;
    };
    if kind != u8::from(TlsHandshakeType::ClientHello) {
        return Hello::Foreign;
    }
    let length = u32::from_be_bytes([0, high, middle, low]);
    let whole = usize::try_from(length).ok().and_then(|length| rest.get(..length));
    match (server_name(whole.unwrap_or(rest)), whole) {
        (Ok(Some(server)), _) => name::from_text(server).map_or(Hello::Nameless, Hello::To),
        (_, None) => Hello::Unfinished,
        (Ok(None), Some(_)) => Hello::Nameless,
        (Err(Unreadable), Some(_)) => Hello::Malformed,
    }
}

/// The handshake messages at the beginning, out of the records that carry them; `None` if there are none.
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
    let may_become =
        |(at, byte): (usize, &u8)| [u8::from(TlsRecordType::Handshake), 3].get(at).is_none_or(|is| is == byte);
    (!handshake.is_empty() || rest.iter().enumerate().all(may_become)).then_some(handshake)
}

struct Unreadable;

/// The server name in the body of a greeting, of which the end may be missing.
fn server_name(body: &[u8]) -> Result<Option<&[u8]>, Unreadable> {
    let (rest, hello) = parse_tls_handshake_client_hello(body).map_err(|_| Unreadable)?;
    let mut extensions = hello.ext.unwrap_or_else(|| cut_list(rest));
    while !extensions.is_empty() {
        let (rest, extension) = parse_tls_extension_unknown(extensions).map_err(|_| Unreadable)?;
        if let TlsExtension::Unknown(kind, content) = extension
            && kind.0 == SNI
        {
            return host_name(content);
        }
        extensions = rest;
    }
    Ok(None)
}

/// Extensions of which the last ones are missing, behind the length that all of them have.
fn cut_list(bytes: &[u8]) -> &[u8] {
    let Some((length, list)) = bytes.split_first_chunk::<2>() else { return &[] };
    list.get(..u16::from_be_bytes(*length).into()).unwrap_or(list)
}

fn host_name(content: &[u8]) -> Result<Option<&[u8]>, Unreadable> {
    match parse_tls_extension_sni_content(content) {
        Ok((_, TlsExtension::SNI(names))) => {
            Ok(names.into_iter().find(|(kind, _)| kind.0 == HOST_NAME).map(|(_, name)| name))
        }
        _ => Err(Unreadable),
    }
}
