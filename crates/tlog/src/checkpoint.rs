//! Checkpoints: the size and the root of a log's tree, as the text of a note.

use alloc::borrow::ToOwned as _;
use alloc::string::{String, ToString as _};
use core::fmt;

use crate::hash::Hash;
use crate::note::{NoteError, SignedNote};
use crate::number::decimal;

/// The size and the root of the tree of a log. Its `Display` is the text to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    /// Further lines, each with its newline. They are signed, but have no meaning here.
    extensions: String,
}

/// A text that is not a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note is none.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// A line is missing or empty.
    #[error("a checkpoint is three lines or more, none of them empty: origin, size and root")]
    Lines,
    /// The second line is not a size.
    #[error("the size of the checkpoint is not a decimal number without leading zeros, below 2^63")]
    Size,
    /// The third line is not a hash.
    #[error("the root of the checkpoint is not 44 characters of Base64")]
    Root,
}

impl Checkpoint {
    /// A checkpoint without extension lines.
    ///
    /// # Errors
    /// [`CheckpointError::Lines`] if the origin is empty or not one line, [`CheckpointError::Size`].
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        if origin.is_empty() || origin.bytes().any(|byte| byte < b' ') {
            return Err(CheckpointError::Lines);
        }
        if size > crate::SIZE_MAX {
            return Err(CheckpointError::Size);
        }
        Ok(Self { origin: origin.to_owned(), size, root, extensions: String::new() })
    }

    /// Reads the text of a note, and does not verify its signatures: [`crate::Policy::verify`] does both.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.splitn(4, '\n');
        let mut line =
            || lines.next().filter(|line| !line.is_empty()).ok_or(CheckpointError::Lines);
        let (origin, size, root) = (line()?, line()?, line()?);
        let extensions = lines.next().ok_or(CheckpointError::Lines)?;
        let is_extension = |line: &str| line.ends_with('\n') && line.len() > 1;
        if !extensions.split_inclusive('\n').all(is_extension) {
            return Err(CheckpointError::Lines);
        }
        let size = decimal(size).ok_or(CheckpointError::Size)?;
        let root = root.parse().map_err(|_| CheckpointError::Root)?;
        let mut checkpoint = Self::new(origin, size, root)?;
        checkpoint.extensions = extensions.to_owned();
        Ok(checkpoint)
    }

    /// The log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree.
    #[must_use]
    pub const fn root(&self) -> &Hash {
        &self.root
    }

    /// As a note, to be signed.
    ///
    /// # Errors
    /// [`NoteError::Text`], which the text of a checkpoint that was parsed from a note never causes.
    pub fn to_note(&self) -> Result<SignedNote, NoteError> {
        SignedNote::new(self.to_string())
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n{}", self.origin, self.size, self.root, self.extensions)
    }
}
