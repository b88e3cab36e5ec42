//! A log in a directory.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

use crate::cmd::verify::input::invalid;
use crate::error::Error;

/// A directory with the files of a log.
pub(super) struct Directory(PathBuf);

impl Directory {
    /// Fails if there is no such directory: a wrong path is not a log without tiles.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let found = path.metadata().and_then(|found| {
            if found.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
        });
        found.map_err(Error::io("read", path))?;
        Ok(Self(path.to_owned()))
    }

    /// Up to one byte more than `max` of a file; `None` if there is none.
    ///
    /// Only regular files are read. A log is often unpacked from an archive that others made, where a link could lead
    /// to any file, and reading a named pipe would wait for ever.
    pub(super) fn read(&self, path: &str, max: usize) -> Result<Option<Vec<u8>>, Error> {
        let path = self.0.join(path);
        let irregular = |what| invalid(format!("{} is {what}, not a file", path.display()));
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match open(&path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(irregular("a symbolic link")),
            // A file in place of a directory above it.
            Err(Errno::NOTDIR) => return Err(irregular("below something that is no directory")),
            Err(Errno::NXIO) => return Err(irregular("a socket or a pipe")),
            Err(error) => return Err(Error::io("read", &path)(error.into())),
        };
        let kind = file.metadata().map_err(Error::io("read", &path))?.file_type();
        if kind.is_dir() {
            return Err(irregular("a directory"));
        }
        if !kind.is_file() {
            return Err(irregular("a device or a pipe"));
        }
        let mut bytes = Vec::new();
        let read = file.take(max as u64 + 1).read_to_end(&mut bytes);
        read.map_err(Error::io("read", &path))?;
        Ok(Some(bytes))
    }
}
