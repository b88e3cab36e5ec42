//! Reads a file of a ZIP file.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read};

use crc32fast::Hasher;
use flate2::bufread::DeflateDecoder;

use super::file::File;
use super::{PackSource, STORED};
use crate::pack::container_error::ContainerError;
use crate::pack::error::PackError;

/// Bytes of the source that are read at once.
const BUFFER: usize = 64 * 1024;

/// The content of a file. Its end is reported only after length and checksum were verified.
pub(in crate::pack) struct EntryReader<'a, S: ?Sized> {
    file: File,
    content: Content<'a, S>,
    read: u64,
    crc: Hasher,
}

enum Content<'a, S: ?Sized> {
    Stored(Raw<'a, S>),
    Deflated(Box<DeflateDecoder<BufReader<Raw<'a, S>>>>),
}

/// The bytes of a file as they are in the ZIP file.
struct Raw<'a, S: ?Sized> {
    source: &'a S,
    offset: u64,
    rest: u64,
}

impl<S: PackSource + ?Sized> Read for Raw<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.rest).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.source.read_at(self.offset, &mut buffer[..most])?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.offset += read as u64;
        self.rest -= read as u64;
        Ok(read)
    }
}

impl<'a, S: PackSource + ?Sized> EntryReader<'a, S> {
    pub(super) fn new(source: &'a S, file: File) -> Self {
        let raw = Raw { source, offset: file.data, rest: file.compressed };
        let content = if file.method == STORED {
            Content::Stored(raw)
        } else {
            let buffered = BufReader::with_capacity(BUFFER, raw);
            Content::Deflated(Box::new(DeflateDecoder::new(buffered)))
        };
        Self { file, content, read: 0, crc: Hasher::new() }
    }

    /// Its length, as the directory says.
    pub(in crate::pack) const fn length(&self) -> u64 {
        self.file.length
    }

    /// Reads some bytes into a buffer that is not empty; none at the end.
    pub(in crate::pack) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, PackError> {
        let File { name, length: expected, crc, .. } = self.file;
        let read = match &mut self.content {
            Content::Stored(raw) => raw.read(buffer),
            Content::Deflated(decoder) => decoder.read(buffer),
        };
        let read = read.map_err(|error| match error.kind() {
            ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
                ContainerError::Compressed { name }.into()
            }
            _ => PackError::Io(error),
        })?;
        self.read += read as u64;
        if self.read > expected || read == 0 && (self.read < expected || self.has_more()?) {
            return Err(ContainerError::Length { name, expected }.into());
        }
        if read == 0 && self.crc.clone().finalize() != crc {
            return Err(ContainerError::Checksum { name }.into());
        }
        self.crc.update(&buffer[..read]);
        Ok(read)
    }

    /// Whether data follow the end of the compressed ones.
    fn has_more(&mut self) -> Result<bool, PackError> {
        match &mut self.content {
            Content::Stored(raw) => Ok(raw.rest > 0),
            Content::Deflated(decoder) => {
                let buffered = decoder.get_mut().fill_buf();
                buffered.map(|rest| !rest.is_empty()).map_err(PackError::Io)
            }
        }
    }
}
