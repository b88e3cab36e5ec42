//! A file of a ZIP file, as the directory and its own header have it.

use super::{
    CENTRAL, CENTRAL_BYTES, DEFLATED, EXTRA_64, IN_EXTRA, LOCAL, LOCAL_BYTES, Numbers, PackSource,
    STORED, read_exact,
};
use crate::pack::container_error::ContainerError;
use crate::pack::error::PackError;
use crate::pack::names;

/// Flags: the file is encrypted; its parts are; the header of the directory is.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;

/// A file, as the directory has it.
#[derive(Clone, Copy)]
pub(super) struct File {
    pub(super) name: &'static str,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) compressed: u64,
    pub(super) length: u64,
    pub(super) header: u64,
    /// Where its data start.
    pub(super) data: u64,
}

impl File {
    /// Reads an entry of the directory. `data` is not known yet.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), PackError> {
        let short = || damaged("it ends within a file");
        let (head, rest) = bytes.split_at_checked(CENTRAL_BYTES).ok_or_else(short)?;
        let mut numbers = Numbers(head);
        if numbers.u32() != CENTRAL {
            return Err(damaged("it has something else than files"));
        }
        // Versions.
        numbers.u32();
        let (flags, method) = (numbers.u16(), numbers.u16());
        // The time.
        numbers.u32();
        let crc = numbers.u32();
        let sizes = [numbers.u32(), numbers.u32()];
        let lengths = [numbers.u16(), numbers.u16(), numbers.u16()].map(usize::from);
        let disk = numbers.u16();
        // Attributes.
        let _: [u8; 6] = numbers.take();
        let header = numbers.u32();
        let (name, rest) = rest.split_at_checked(lengths[0]).ok_or_else(short)?;
        let (extra, rest) = rest.split_at_checked(lengths[1]).ok_or_else(short)?;
        let (_comment, rest) = rest.split_at_checked(lengths[2]).ok_or_else(short)?;
        let name = known(name)?;
        if flags & ENCRYPTED != 0 {
            return Err(ContainerError::Encrypted { name }.into());
        }
        if method != STORED && method != DEFLATED {
            return Err(ContainerError::Method { name, method }.into());
        }
        if disk != 0 {
            return Err(ContainerError::Split.into());
        }
        let values = [sizes[1], sizes[0], header];
        let [length, compressed, header] = with_extra(values, extra)
            .ok_or_else(|| damaged("it lacks the sizes of a file in ZIP64 form"))?;
        if method == STORED && length != compressed {
            return Err(ContainerError::Length { name, expected: length }.into());
        }
        let file = Self { name, method, crc, compressed, length, header, data: 0 };
        Ok((file, rest))
    }

    /// Reads the local header, which must name the same file.
    pub(super) fn find<S: PackSource + ?Sized>(&mut self, source: &S) -> Result<(), PackError> {
        let name = self.name;
        let place = |detail| PackError::from(ContainerError::Place { name, detail });
        let bytes = read_exact(source, self.header, LOCAL_BYTES + name.len())
            .map_err(|_| place("the file ends before it"))?;
        let mut numbers = Numbers(&bytes);
        if numbers.u32() != LOCAL {
            return Err(place("there is no header"));
        }
        let (_version, flags, method) = (numbers.u16(), numbers.u16(), numbers.u16());
        if flags & ENCRYPTED != 0 {
            return Err(ContainerError::Encrypted { name }.into());
        }
        let _times_and_sizes: [u8; 16] = numbers.take();
        let lengths = [numbers.u16(), numbers.u16()].map(u64::from);
        if method != self.method || bytes.get(LOCAL_BYTES..) != Some(name.as_bytes()) {
            return Err(place("there is another file"));
        }
        if lengths[0] != name.len() as u64 {
            return Err(place("there is another file"));
        }
        self.data = self.header.saturating_add(LOCAL_BYTES as u64 + lengths[0] + lengths[1]);
        Ok(())
    }
}

/// The length, the compressed length and the offset, of which those that do not fit are in an extra field, in this order.
fn with_extra(values: [u32; 3], mut extra: &[u8]) -> Option<[u64; 3]> {
    let mut found: &[u8] = &[];
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let mut numbers = Numbers(head);
        let (id, length) = (numbers.u16(), usize::from(numbers.u16()));
        let (field, rest) = rest.split_at_checked(length)?;
        if id == EXTRA_64 {
            found = field;
        }
        extra = rest;
    }
    let mut all = [0; 3];
    for (value, to) in values.into_iter().zip(&mut all) {
        *to = if value == IN_EXTRA {
            let (number, rest) = found.split_first_chunk()?;
            found = rest;
            u64::from_le_bytes(*number)
        } else {
            value.into()
        };
    }
    Some(all)
}

/// A name of a pack.
fn known(name: &[u8]) -> Result<&'static str, PackError> {
    let known = names::ALL.into_iter().find(|known| known.as_bytes() == name);
    known.ok_or_else(|| {
        let name = String::from_utf8_lossy(name).chars().take(100).collect();
        ContainerError::Name { name }.into()
    })
}

pub(super) fn damaged(detail: &'static str) -> PackError {
    ContainerError::Directory { detail }.into()
}
