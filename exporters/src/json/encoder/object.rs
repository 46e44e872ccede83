//! Writes one flat JSON object (RFC 8259) into a buffer.
//!
//! Written by hand because every value is a string, an integer or a list of strings, and encoding them cannot fail: there is no
//! error that would drop an event.

use std::fmt;
use std::io::Write;

use egret_model::Timestamp;

/// An object that is being written; [`ObjectWriter::finish`] closes it.
pub(super) struct ObjectWriter<'a> {
    out: &'a mut Vec<u8>,
    /// The byte before the next key.
    separator: u8,
}

impl<'a> ObjectWriter<'a> {
    pub(super) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, separator: b'{' }
    }

    /// Writes members for [`Self::members`]: without braces, and with a comma before each.
    pub(super) const fn members_only(out: &'a mut Vec<u8>) -> Self {
        Self { out, separator: b',' }
    }

    /// Members that [`Self::members_only`] wrote. The object must have a member already.
    pub(super) fn members(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    /// A member whose value is a string.
    pub(super) fn string(&mut self, key: &str, value: &str) {
        self.key(key);
        write_string(self.out, value);
    }

    /// A member whose value is an unsigned integer.
    pub(super) fn integer(&mut self, key: &str, value: impl Into<u64>) {
        self.key(key);
        self.out.extend_from_slice(itoa::Buffer::new().format(value.into()).as_bytes());
    }

    /// A member whose value is `true`.
    pub(super) fn truth(&mut self, key: &str) {
        self.key(key);
        self.out.extend_from_slice(b"true");
    }

    /// A member whose value is a list of strings.
    pub(super) fn strings<'s>(&mut self, key: &str, values: impl Iterator<Item = &'s str>) {
        self.key(key);
        self.out.push(b'[');
        for (index, value) in values.enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            write_string(self.out, value);
        }
        self.out.push(b']');
    }

    /// A member whose value is a point in time.
    pub(super) fn time(&mut self, key: &str, time: Timestamp) {
        self.key(key);
        self.out.push(b'"');
        time.write_rfc3339(self.out);
        self.out.push(b'"');
    }

    /// A member whose value needs no escaping: an address, an id, an errno.
    pub(super) fn plain(&mut self, key: &str, value: impl fmt::Display) {
        self.key(key);
        // Writing to a `Vec` does not fail.
        let _ = write!(self.out, "\"{value}\"");
    }

    /// Closes the object and the line.
    pub(super) fn finish(self) {
        if self.separator == b'{' {
            self.out.push(b'{');
        }
        self.out.extend_from_slice(b"}\n");
    }

    /// Keys are constants of [`crate::names`] and need no escaping.
    fn key(&mut self, key: &str) {
        self.out.push(self.separator);
        self.separator = b',';
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}

/// A string with its quotes.
///
/// JSON requires `"`, `\` and the control characters below U+0020 to be escaped. DEL and the control characters from U+0080 on
/// are escaped too: terminals interpret some of them, and people read records on terminals.
fn write_string(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    if value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        out.extend_from_slice(value.as_bytes());
    } else {
        value.chars().for_each(|character| write_char(out, character));
    }
    out.push(b'"');
}

fn write_char(out: &mut Vec<u8>, character: char) {
    match character {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        control if control.is_control() => {
            // All controls are below U+0100; writing to a `Vec` does not fail.
            let _ = write!(out, "\\u{:04x}", u32::from(control));
        }
        other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::ObjectWriter;

    #[test]
    fn empty_object_is_valid() {
        let mut out = Vec::new();
        ObjectWriter::new(&mut out).finish();
        assert_eq!(out, b"{}\n");
    }

    #[test]
    fn terminal_control_characters_are_escaped() {
        let mut out = Vec::new();
        let mut object = ObjectWriter::new(&mut out);
        object.string("k", "\u{1b}[2J\u{9b}\u{7f}\n\"\\é");
        object.finish();
        assert_eq!(String::from_utf8(out).unwrap(), "{\"k\":\"\\u001b[2J\\u009b\\u007f\\n\\\"\\\\é\"}\n");
    }
}
