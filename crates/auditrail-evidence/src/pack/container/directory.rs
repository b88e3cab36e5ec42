//! Reads the directory of a ZIP file.

use super::entry::EntryReader;
use super::file::{File, damaged};
use super::{
    END, END_64, END_64_BYTES, END_BYTES, IN_EXTRA, LOCATOR_64, LOCATOR_64_BYTES, Numbers,
    PackSource, read_exact,
};
use crate::pack::container_error::ContainerError;
use crate::pack::error::PackError;
use crate::pack::limits::FILES_MAX;

/// The longest directory: names are short, and extra fields have sizes or times.
const DIRECTORY_MAX: u64 = 16 * 1024;

/// The files of a pack, of which each has another name and other bytes.
pub(in crate::pack) struct Directory(Vec<File>);

/// Where the directory is.
struct Place {
    offset: u64,
    length: u64,
    files: u64,
    /// What follows it.
    end: u64,
}

impl Directory {
    /// Reads the directory and the header of each file.
    pub(in crate::pack) fn read<S: PackSource + ?Sized>(source: &S) -> Result<Self, PackError> {
        let place = Place::find(source)?;
        if place.files > FILES_MAX {
            return Err(ContainerError::TooManyFiles { found: place.files }.into());
        }
        if place.length > DIRECTORY_MAX || place.offset.checked_add(place.length) != Some(place.end)
        {
            return Err(damaged("it is not before its end, or too long"));
        }
        let length = usize::try_from(place.length).unwrap_or_default();
        let bytes = read_exact(source, place.offset, length)?;
        let (mut rest, mut files) = (bytes.as_slice(), Vec::new());
        for _ in 0..place.files {
            let (mut file, after) = File::parse(rest)?;
            rest = after;
            if files.iter().any(|other: &File| other.name == file.name) {
                return Err(ContainerError::Twice { name: file.name }.into());
            }
            file.find(source)?;
            files.push(file);
        }
        if !rest.is_empty() {
            return Err(damaged("it is longer than its files"));
        }
        require_apart(&files, place.offset)?;
        Ok(Self(files))
    }

    /// Opens a file.
    pub(in crate::pack) fn open<'a, S: PackSource + ?Sized>(
        &self,
        source: &'a S,
        name: &'static str,
    ) -> Result<EntryReader<'a, S>, PackError> {
        let file = self.0.iter().find(|file| file.name == name);
        Ok(EntryReader::new(source, *file.ok_or(ContainerError::Missing { name })?))
    }

    /// Reads a whole file of at most `max` bytes.
    pub(in crate::pack) fn content<S: PackSource + ?Sized>(
        &self,
        source: &S,
        name: &'static str,
        max: usize,
    ) -> Result<Vec<u8>, PackError> {
        let mut reader = self.open(source, name)?;
        let length = reader.length();
        let fits = usize::try_from(length).ok().filter(|length| *length <= max);
        let mut bytes = vec![0; fits.ok_or(ContainerError::TooLong { name, length, max })?];
        let mut filled = 0;
        loop {
            // One more read after the last byte verifies the checksum.
            let read = if filled < bytes.len() {
                reader.read(&mut bytes[filled..])?
            } else {
                reader.read(&mut [0])?
            };
            if read == 0 {
                return Ok(bytes);
            }
            filled += read;
        }
    }
}

/// Checks that no byte belongs to two files, or to a file and the directory: they could be the same data, expanded often.
fn require_apart(files: &[File], directory: u64) -> Result<(), PackError> {
    let mut files = files.to_vec();
    files.sort_by_key(|file| file.header);
    let starts = files.iter().skip(1).map(|file| file.header).chain([directory]);
    for (file, next) in files.iter().zip(starts) {
        if file.data.checked_add(file.compressed).is_none_or(|end| end > next) {
            let detail = "its data overlap what follows it";
            return Err(ContainerError::Place { name: file.name, detail }.into());
        }
    }
    Ok(())
}

impl Place {
    /// The directory ends with the file: nothing follows it.
    fn find<S: PackSource + ?Sized>(source: &S) -> Result<Self, PackError> {
        let size = source.size().map_err(PackError::Io)?;
        let end = size.checked_sub(END_BYTES as u64).ok_or(ContainerError::NotZip)?;
        let bytes = read_exact(source, end, END_BYTES)?;
        let mut numbers = Numbers(&bytes);
        if numbers.u32() != END {
            return Err(ContainerError::NotZip.into());
        }
        let disks = [numbers.u16(), numbers.u16()];
        let (here, files) = (numbers.u16(), numbers.u16());
        let (length, offset) = (numbers.u32(), numbers.u32());
        if files == u16::MAX || length == IN_EXTRA || offset == IN_EXTRA {
            return Self::find_64(source, end);
        }
        if disks != [0, 0] || here != files {
            return Err(ContainerError::Split.into());
        }
        if numbers.u16() != 0 {
            return Err(damaged("it has a comment"));
        }
        Ok(Self { offset: offset.into(), length: length.into(), files: files.into(), end })
    }

    fn find_64<S: PackSource + ?Sized>(source: &S, end: u64) -> Result<Self, PackError> {
        let no_end = || damaged("the end of its ZIP64 form is not before its end");
        let locator = end.checked_sub(LOCATOR_64_BYTES as u64).ok_or_else(no_end)?;
        let end = locator.checked_sub(END_64_BYTES as u64).ok_or_else(no_end)?;
        let bytes = read_exact(source, end, END_64_BYTES + LOCATOR_64_BYTES)?;
        let (mut numbers, mut located) = (Numbers(&bytes), Numbers(&bytes[END_64_BYTES..]));
        let is_located = located.u32() == LOCATOR_64 && located.u32() == 0 && located.u64() == end;
        let rest = (END_64_BYTES - 12) as u64;
        if !is_located || numbers.u32() != END_64 || numbers.u64() != rest {
            return Err(no_end());
        }
        // Versions.
        numbers.u32();
        let disks = [numbers.u32(), numbers.u32()];
        let (here, files) = (numbers.u64(), numbers.u64());
        if disks != [0, 0] || here != files {
            return Err(ContainerError::Split.into());
        }
        let (length, offset) = (numbers.u64(), numbers.u64());
        Ok(Self { offset, length, files, end })
    }
}
