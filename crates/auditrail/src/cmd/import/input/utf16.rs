//! Decodes UTF-16 to UTF-8.

use std::io::{self, BufRead, Read};

/// The byte order of UTF-16 text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

/// The byte order, if the input starts with a byte order mark of UTF-16, or with two ASCII characters in
/// UTF-16.
pub(super) fn detect(begin: &[u8]) -> Option<ByteOrder> {
    match begin {
        [0xff, 0xfe, ..] | [1..=0x7f, 0, 1..=0x7f, 0, ..] => Some(ByteOrder::Little),
        [0xfe, 0xff, ..] | [0, 1..=0x7f, 0, 1..=0x7f, ..] => Some(ByteOrder::Big),
        _ => None,
    }
}

/// Invalid in UTF-8. Stands for an unpaired surrogate, so that the record is rejected and not altered.
const INVALID: u8 = 0xff;

/// Reads UTF-16 as UTF-8.
pub(super) struct Utf16Reader<R> {
    inner: R,
    order: ByteOrder,
    /// The first byte of a unit.
    first: Option<u8>,
    /// The first unit of a pair.
    high: Option<u16>,
    text: Vec<u8>,
    start: usize,
}

impl<R: BufRead> Utf16Reader<R> {
    pub(super) fn new(inner: R, order: ByteOrder) -> Self {
        Self { inner, order, first: None, high: None, text: Vec::new(), start: 0 }
    }

    /// Decodes the next bytes; no text at the end of the input.
    fn decode(&mut self) -> io::Result<()> {
        self.text.clear();
        self.start = 0;
        while self.text.is_empty() {
            let available = self.inner.fill_buf()?.to_vec();
            if available.is_empty() {
                if self.first.take().is_some() | self.high.take().is_some() {
                    self.text.push(INVALID);
                }
                return Ok(());
            }
            self.inner.consume(available.len());
            for byte in available {
                match (self.first.take(), self.order) {
                    (None, _) => self.first = Some(byte),
                    (Some(first), ByteOrder::Little) => {
                        self.unit(u16::from_le_bytes([first, byte]))
                    }
                    (Some(first), ByteOrder::Big) => self.unit(u16::from_be_bytes([first, byte])),
                }
            }
        }
        Ok(())
    }

    fn unit(&mut self, unit: u16) {
        let high = self.high.take();
        if high.is_none() && matches!(unit, 0xd800..=0xdbff) {
            self.high = Some(unit);
            return;
        }
        let is_pair = matches!(unit, 0xdc00..=0xdfff);
        let units = [high.unwrap_or(unit), unit];
        let units = if is_pair && high.is_some() { &units[..] } else { &units[1..] };
        if high.is_some() && !is_pair {
            self.text.push(INVALID);
            if matches!(unit, 0xd800..=0xdbff) {
                self.high = Some(unit);
                return;
            }
        }
        for decoded in char::decode_utf16(units.iter().copied()) {
            match decoded {
                Ok(c) => self.text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(_) => self.text.push(INVALID),
            }
        }
    }
}

impl<R: BufRead> Read for Utf16Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.start == self.text.len() {
            self.decode()?;
        }
        let available = &self.text[self.start..];
        let amount = available.len().min(out.len());
        out[..amount].copy_from_slice(&available[..amount]);
        self.start += amount;
        Ok(amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], order: ByteOrder) -> Vec<u8> {
        let mut out = Vec::new();
        let input = io::BufReader::with_capacity(3, bytes);
        Utf16Reader::new(input, order).read_to_end(&mut out).unwrap();
        out
    }

    #[test]
    fn both_byte_orders_are_decoded() {
        let text = "{\"ü\":\"😀\"}\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decoded(&little, ByteOrder::Little), text.as_bytes());
        assert_eq!(decoded(&big, ByteOrder::Big), text.as_bytes());
        assert_eq!(detect(&little), Some(ByteOrder::Little));
        assert_eq!(detect(&big), Some(ByteOrder::Big));
        assert_eq!(detect(text.as_bytes()), None);
    }

    #[test]
    fn unpaired_surrogates_become_invalid_bytes() {
        let text = [0x61, 0xd83d, 0xd83d, 0xde00, 0x62, 0xde00, 0x63, 0xd83d, 0x64];
        let bytes: Vec<u8> = text.into_iter().flat_map(u16::to_le_bytes).collect();
        let expected = [b"a\xff".as_slice(), "😀b".as_bytes(), b"\xffc\xffd"].concat();
        assert_eq!(decoded(&bytes, ByteOrder::Little), expected);
        assert_eq!(decoded(&bytes[..3], ByteOrder::Little), b"a\xff");
    }
}
