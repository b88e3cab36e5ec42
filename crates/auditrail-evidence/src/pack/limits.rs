//! Limits of packs.

use super::names;

/// Most files of a pack.
pub(super) const FILES_MAX: u64 = names::ALL.len() as u64;
/// The longest line, in bytes: the largest record takes some 600 KiB, if each character is escaped.
pub(super) const LINE_MAX: usize = 1024 * 1024;
