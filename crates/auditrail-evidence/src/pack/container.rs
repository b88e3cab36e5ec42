//! The ZIP file of a pack (APPNOTE.TXT 6.3): written in one form, and read without trusting a length or a name.
//!
//! Own code instead of a general ZIP library, since a pack needs little of the format: a reader that knows all names and
//! refuses everything else has no room for two readings of one file.

mod directory;
mod entry;
mod file;
mod writer;

use std::io;

pub(super) use directory::Directory;
pub(super) use entry::EntryReader;
pub use writer::{EntryWriter, PackWriter};

use super::container_error::ContainerError;
use super::error::PackError;

/// The bytes of a pack, which may be too many for memory.
pub trait PackSource: Sync {
    /// Their number.
    ///
    /// # Errors
    /// If it is not known.
    fn size(&self) -> io::Result<u64>;

    /// Reads some of the bytes at an offset; none after the end.
    ///
    /// # Errors
    /// If they cannot be read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

impl PackSource for [u8] {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..));
        io::Read::read(&mut rest.unwrap_or_default(), buffer)
    }
}

/// The start of a local header, of an entry of the directory, and of its end.
const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// The start of the end of a ZIP64 directory, and of what locates it.
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
/// Lengths without names and extra fields.
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: usize = 22;
const END_64_BYTES: usize = 56;
const LOCATOR_64_BYTES: usize = 20;
/// The id of the extra field with sizes in 64 bits, and the value that refers to it.
const EXTRA_64: u16 = 1;
const IN_EXTRA: u32 = u32::MAX;
/// Methods.
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// Reads exactly these bytes.
fn read_exact<S: PackSource + ?Sized>(
    source: &S,
    offset: u64,
    length: usize,
) -> Result<Vec<u8>, PackError> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        let offset = offset.saturating_add(filled as u64);
        match source.read_at(offset, &mut bytes[filled..]).map_err(PackError::Io)? {
            0 => return Err(ContainerError::NotZip.into()),
            read => filled += read,
        }
    }
    Ok(bytes)
}

/// Numbers of a header, little-endian, from the left. After its end they are zero: callers check lengths first.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((number, rest)) = self.0.split_first_chunk() else { return [0; N] };
        self.0 = rest;
        *number
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}
