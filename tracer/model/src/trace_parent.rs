//! The trace of a process.

/// The trace of a process: `TRACEPARENT` in its environment, in the form of W3C Trace Context
/// (<https://www.w3.org/TR/trace-context/#traceparent-header>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// Not zero.
    pub trace_id: [u8; 16],
    /// The span that started the process; not zero.
    pub span_id: [u8; 8],
    /// The lowest bit is set if the trace is sampled.
    pub flags: u8,
}

/// Length of the fields of version 00, `00-TRACE-SPAN-FLAGS`.
const LENGTH: usize = 2 + 1 + 32 + 1 + 16 + 1 + 2;

impl TraceParent {
    /// Parses the value of `TRACEPARENT`. Of later versions, the fields of version 00 are read and the rest is ignored, as the standard
    /// requires. `None` if it is invalid.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (known, rest) = text.split_at_checked(LENGTH)?;
        let mut fields = known.split('-');
        let [version] = hex(fields.next()?)?;
        let (trace_id, span_id) = (hex(fields.next()?)?, hex(fields.next()?)?);
        let [flags] = hex(fields.next()?)?;
        let ends = match version {
            0 => rest.is_empty(),
            u8::MAX => false,
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        (ends && trace_id != [0; 16] && span_id != [0; 8]).then_some(Self { trace_id, span_id, flags })
    }
}

/// Exactly so many bytes in lower-case hexadecimal.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

const fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn valid_trace_parent_is_parsed() {
        let parent = TraceParent::parse(VALID).unwrap();
        assert_eq!(u128::from_be_bytes(parent.trace_id), 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(u64::from_be_bytes(parent.span_id), 0xb7ad_6b71_6920_3331);
        assert_eq!(parent.flags, 1);
    }

    #[test]
    fn known_fields_of_later_versions_are_read() {
        let known = TraceParent::parse(VALID);
        let later = VALID.replacen("00", "cc", 1);
        assert_eq!(TraceParent::parse(&later), known);
        assert_eq!(TraceParent::parse(&format!("{later}-what-the-future-will-be-like")), known);
        assert_eq!(TraceParent::parse(&format!("{later}0")), None);
    }

    #[test]
    fn invalid_values_are_refused() {
        let wrong = [
            String::new(),
            format!("{VALID}-00"),
            format!(" {VALID}"),
            VALID.to_uppercase(),
            VALID.replacen("00", "ff", 1),
            VALID.replace('-', "_"),
            VALID.replace("319c-b7", "319-cb7"),
            VALID.replace("b7ad", "b\u{e4}d"),
            VALID.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            VALID.replace("b7ad6b7169203331", &"0".repeat(16)),
            VALID.replace("-01", "-+1"),
            VALID[..VALID.len() - 1].to_owned(),
        ];
        for text in wrong {
            assert_eq!(TraceParent::parse(&text), None, "{text:?}");
        }
    }
}
