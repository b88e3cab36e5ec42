//! Writes the ZIP file of a pack.

use std::io::{self, Seek, SeekFrom, Write};

use crc32fast::Hasher;
use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::{
    CENTRAL, DEFLATED, END, END_64, END_64_BYTES, EXTRA_64, IN_EXTRA, LOCAL, LOCATOR_64, STORED,
};
use crate::pack::names;

/// The version of the specification that has ZIP64.
const VERSION: u16 = 45;
/// Made on Unix, whose permissions are in the attributes: those of a file that everybody may read.
const MADE_BY: u16 = 3 << 8 | VERSION;
const ATTRIBUTES: u32 = 0o100_644 << 16;
/// 1980-01-01, the first time that there is: equal content makes equal bytes.
const TIME: u32 = 0x0021_0000;
/// What a local header has before the sizes in its extra field, beside the name.
const LOCAL_SIZES: u64 = 30 + 4;

/// Writes the files of a pack one after the other.
#[derive(Debug)]
pub struct PackWriter<W> {
    out: W,
    /// The bytes that were written.
    offset: u64,
    files: Vec<Written>,
}

#[derive(Debug)]
struct Written {
    name: &'static str,
    method: u16,
    header: u64,
    crc: u32,
    compressed: u64,
    length: u64,
}

/// Writes one file.
#[derive(Debug)]
pub struct EntryWriter<W: Write> {
    content: Content<W>,
    files: Vec<Written>,
    file: Written,
    crc: Hasher,
}

#[derive(Debug)]
enum Content<W: Write> {
    Stored(Counted<W>),
    Deflated(DeflateEncoder<Counted<W>>),
}

/// Counts what was written.
#[derive(Debug)]
struct Counted<W> {
    out: W,
    written: u64,
}

impl<W: Write + Seek> PackWriter<W> {
    /// Writes to an empty destination.
    pub const fn new(out: W) -> Self {
        Self { out, offset: 0, files: Vec::new() }
    }

    /// Starts a file, one of [`names::ALL`]. Hashes are stored, since they cannot be compressed.
    ///
    /// # Errors
    /// If the destination cannot be written.
    pub fn start(mut self, name: &'static str) -> io::Result<EntryWriter<W>> {
        let method = if name == names::HASHES { STORED } else { DEFLATED };
        let (crc, compressed, length) = (0, 0, 0);
        let file = Written { name, method, header: self.offset, crc, compressed, length };
        let mut header = Vec::new();
        header.extend(LOCAL.to_le_bytes());
        file.put_common(&mut header);
        // The sizes are in the extra field, so that they fit when they are known.
        header.extend([0; 4]);
        header.extend([u8::MAX; 8]);
        put_u16(&mut header, &[length_of(name.as_bytes()), 20]);
        header.extend(name.as_bytes());
        put_u16(&mut header, &[EXTRA_64, 16]);
        header.extend([0; 16]);
        self.out.write_all(&header)?;
        let out = Counted { out: self.out, written: self.offset + header.len() as u64 };
        let content = if method == STORED {
            Content::Stored(out)
        } else {
            Content::Deflated(DeflateEncoder::new(out, Compression::fast()))
        };
        Ok(EntryWriter { content, files: self.files, file, crc: Hasher::new() })
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// If the destination cannot be written.
    pub fn file(self, name: &'static str, bytes: &[u8]) -> io::Result<Self> {
        let mut entry = self.start(name)?;
        entry.write_all(bytes)?;
        entry.finish()
    }

    /// Writes the directory, and returns the destination.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        let mut bytes = Vec::new();
        self.files.iter().for_each(|file| file.put_central(&mut bytes));
        let (length, files) = (bytes.len() as u64, self.files.len() as u64);
        let end = self.offset + length;
        let [short_length, short_offset] = [length, self.offset].map(short);
        if short_offset == IN_EXTRA {
            bytes.extend(END_64.to_le_bytes());
            bytes.extend((END_64_BYTES as u64 - 12).to_le_bytes());
            put_u16(&mut bytes, &[MADE_BY, VERSION]);
            bytes.extend([0; 8]);
            for number in [files, files, length, self.offset] {
                bytes.extend(number.to_le_bytes());
            }
            bytes.extend(LOCATOR_64.to_le_bytes());
            bytes.extend([0; 4]);
            bytes.extend(end.to_le_bytes());
            bytes.extend(1_u32.to_le_bytes());
        }
        bytes.extend(END.to_le_bytes());
        let files = u16::try_from(files).unwrap_or(u16::MAX);
        put_u16(&mut bytes, &[0, 0, files, files]);
        put_u32(&mut bytes, &[short_length, short_offset]);
        put_u16(&mut bytes, &[0]);
        self.out.write_all(&bytes)?;
        Ok(self.out)
    }
}

impl<W: Write + Seek> EntryWriter<W> {
    /// Ends the file, and writes its checksum and sizes into its header.
    ///
    /// # Errors
    /// If the destination cannot be written.
    pub fn finish(mut self) -> io::Result<PackWriter<W>> {
        let Counted { mut out, written } = match self.content {
            Content::Stored(counted) => counted,
            Content::Deflated(encoder) => encoder.finish()?,
        };
        let name = self.file.name.len() as u64;
        self.file.crc = self.crc.finalize();
        // The extra field has 16 bytes of sizes after its head.
        self.file.compressed = written - (self.file.header + LOCAL_SIZES + name + 16);
        out.seek(SeekFrom::Start(self.file.header + 14))?;
        out.write_all(&self.file.crc.to_le_bytes())?;
        out.seek(SeekFrom::Start(self.file.header + LOCAL_SIZES + name))?;
        out.write_all(&self.file.length.to_le_bytes())?;
        out.write_all(&self.file.compressed.to_le_bytes())?;
        out.seek(SeekFrom::Start(written))?;
        self.files.push(self.file);
        Ok(PackWriter { out, offset: written, files: self.files })
    }
}

impl<W: Write> Write for EntryWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.content {
            Content::Stored(out) => out.write(bytes),
            Content::Deflated(encoder) => encoder.write(bytes),
        }?;
        self.crc.update(&bytes[..written]);
        self.file.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.content {
            Content::Stored(out) => out.flush(),
            Content::Deflated(encoder) => encoder.flush(),
        }
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Written {
    /// The version, the flags, the method and the time.
    fn put_common(&self, out: &mut Vec<u8>) {
        put_u16(out, &[VERSION, 0, self.method]);
        put_u32(out, &[TIME]);
    }

    /// The entry of the directory.
    fn put_central(&self, out: &mut Vec<u8>) {
        let long = [self.length, self.compressed, self.header];
        let [length, compressed, header] = long.map(short);
        let mut extra = Vec::new();
        for (number, short) in long.into_iter().zip([length, compressed, header]) {
            if short == IN_EXTRA {
                extra.extend(number.to_le_bytes());
            }
        }
        if !extra.is_empty() {
            let mut head = Vec::new();
            put_u16(&mut head, &[EXTRA_64, length_of(&extra)]);
            extra.splice(..0, head);
        }
        out.extend(CENTRAL.to_le_bytes());
        put_u16(out, &[MADE_BY]);
        self.put_common(out);
        put_u32(out, &[self.crc, compressed, length]);
        put_u16(out, &[length_of(self.name.as_bytes()), length_of(&extra), 0, 0, 0]);
        put_u32(out, &[ATTRIBUTES, header]);
        out.extend(self.name.as_bytes());
        out.extend(extra);
    }
}

/// A number of 32 bits, or the one that refers to an extra field.
fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(IN_EXTRA)
}

fn length_of(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX)
}

fn put_u16(out: &mut Vec<u8>, numbers: &[u16]) {
    numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
}

fn put_u32(out: &mut Vec<u8>, numbers: &[u32]) {
    numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
}
