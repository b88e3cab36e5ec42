//! Why a file is not the ZIP file of a pack.

use super::limits::FILES_MAX;

/// Why a file is not the ZIP file of a pack, or damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// It does not end with a directory.
    #[error("it is not a ZIP file, or was cut short: it does not end with a ZIP directory")]
    NotZip,
    /// It is one of several parts.
    #[error("it is a part of a ZIP file that was split")]
    Split,
    /// It has more files than a pack.
    #[error("its ZIP directory names {found} files; a pack has at most {FILES_MAX}")]
    TooManyFiles {
        /// Their number.
        found: u64,
    },
    /// The directory contradicts itself or the file.
    #[error("its ZIP directory is damaged: {detail}")]
    Directory {
        /// What is wrong with it.
        detail: &'static str,
    },
    /// It has a file with a name that no pack has.
    #[error("it has the file {name:?}, which is not one of a pack")]
    Name {
        /// The first characters of the name.
        name: String,
    },
    /// A name occurs twice.
    #[error("it has {name} twice")]
    Twice {
        /// The name.
        name: &'static str,
    },
    /// A file is missing.
    #[error("it has no {name}: it is not a pack, or a part of one")]
    Missing {
        /// The name.
        name: &'static str,
    },
    /// A file is encrypted.
    #[error("{name} is encrypted; a pack is not")]
    Encrypted {
        /// The name.
        name: &'static str,
    },
    /// A file has another form than those of a pack.
    #[error(
        "{name} is compressed by the method {method} of ZIP; files of a pack are stored or deflated"
    )]
    Method {
        /// The name.
        name: &'static str,
        /// The method.
        method: u16,
    },
    /// A file is not where the directory says.
    #[error("{name} is not where the ZIP directory says: {detail}")]
    Place {
        /// The name.
        name: &'static str,
        /// What is there.
        detail: &'static str,
    },
    /// A file that is read at once is longer than it can be.
    #[error("{name} has {length} bytes; that of a pack has at most {max}")]
    TooLong {
        /// The name.
        name: &'static str,
        /// Its length.
        length: u64,
        /// The most it can have.
        max: usize,
    },
    /// The content is longer or shorter than the directory says.
    #[error(
        "{name} does not have the length that the ZIP directory says, which is {expected} bytes"
    )]
    Length {
        /// The name.
        name: &'static str,
        /// The length in the directory.
        expected: u64,
    },
    /// The content has another checksum.
    #[error("{name} is damaged: it does not have the checksum of the ZIP directory")]
    Checksum {
        /// The name.
        name: &'static str,
    },
    /// The compressed data cannot be read.
    #[error("{name} is damaged: its compressed data are not valid")]
    Compressed {
        /// The name.
        name: &'static str,
    },
}
