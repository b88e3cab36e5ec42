//! Archives: files with the records that left the log.
//!
//! [`ArchiveDir`] is a directory of archives, whose form [`auditrail_core::ArchiveManifest`] describes. A run of
//! retention writes one, reads it back and only then removes its records. [`restore`](ArchiveRestore) brings one
//! into another log for searching. The files may come from other hands: names are never paths, and memory and
//! the bytes that are decompressed are bounded by the manifest and by the limits of the form.

mod dir;
mod error;
pub(crate) mod lines;
mod reader;
mod restore;
mod verify;
mod writer;

pub use dir::{ArchiveDir, ListedArchive};
pub use error::ArchiveError;
pub(crate) use lines::line;
pub use reader::ArchiveReader;
pub use restore::{ArchiveRestore, RestoreError, Restored};
pub(crate) use restore::{blocking, read_chunk};
pub(crate) use writer::ArchiveWriter;
