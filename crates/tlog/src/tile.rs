//! Names of tiles: which part of a tree, and the path that serves it.

use alloc::string::ToString as _;
use core::fmt;
use core::str::FromStr;

use crate::number::decimal;
use crate::{NodeId, SIZE_MAX};

/// The width of a full tile, in hashes or entries.
pub const FULL_WIDTH: usize = 256;
/// The levels of tiles of the largest tree.
const LEVELS: u8 = 8;

/// What a path serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Hashes of this level: 0 is leaves, and each hash above is that of a full tile of the level below.
    Hashes(u8),
    /// The entries whose hashes are in the tile of level 0.
    Entries,
}

/// A tile of hashes or of entries: full, or partial, at the right edge of a tree of some size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TilePath {
    resource: Resource,
    index: u64,
    width: u16,
}

/// A path that names no tile, or not in its only form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a path of a tile is tile/LEVEL/INDEX or tile/entries/INDEX, such as tile/0/x001/234 or tile/entries/000.p/7"
)]
pub struct InvalidTilePath;

impl TilePath {
    /// The full tile with this index.
    #[must_use]
    pub const fn full(resource: Resource, index: u64) -> Self {
        Self { resource, index, width: 256 }
    }

    /// The tile with this index in a tree of this size; `None` if it is empty there.
    #[must_use]
    pub fn in_tree(resource: Resource, index: u64, size: u64) -> Option<Self> {
        let bits = 8 * u32::from(resource.level());
        let hashes = size.checked_shr(bits).unwrap_or(0);
        let before = index.checked_mul(256)?;
        let width = u16::try_from(hashes.checked_sub(before)?.min(256)).ok()?;
        (width > 0).then_some(Self { resource, index, width })
    }

    /// What it has: hashes of a level, or entries.
    #[must_use]
    pub const fn resource(self) -> Resource {
        self.resource
    }

    /// The number of tiles to the left of it.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// The number of hashes or entries in it, from 1 to 256.
    #[must_use]
    pub fn width(self) -> usize {
        usize::from(self.width)
    }

    /// Whether it is full, and so the same in every later tree.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.width == 256
    }

    /// The size of the smallest tree that has it; `u64::MAX` if no tree has.
    #[must_use]
    pub fn size_min(self) -> u64 {
        let hashes = self.index.saturating_mul(256).saturating_add(u64::from(self.width));
        let leaves = 256_u64.checked_pow(u32::from(self.resource.level()));
        leaves.map_or(u64::MAX, |leaves| hashes.saturating_mul(leaves))
    }
}

impl Resource {
    const fn level(self) -> u8 {
        match self {
            Self::Hashes(level) => level,
            Self::Entries => 0,
        }
    }
}

impl NodeId {
    /// The level and the index of the tile that has its hash or those it is made of, and where they are in the tile.
    pub(crate) fn in_tile(self) -> (u8, u64, core::ops::Range<usize>) {
        let (level, height) = (self.height / LEVELS, self.height % LEVELS);
        let first = self.index << height;
        let offset = usize::try_from(first & 0xff).unwrap_or_default();
        (level, first >> 8, offset..offset + (1 << height))
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.resource {
            Resource::Hashes(level) => write!(f, "tile/{level}/")?,
            Resource::Entries => f.write_str("tile/entries/")?,
        }
        let mut divisor = 1_000_u64;
        while self.index / divisor > 0 {
            divisor *= 1_000;
        }
        while divisor > 1_000 {
            write!(f, "x{:03}/", self.index % divisor / (divisor / 1_000))?;
            divisor /= 1_000;
        }
        write!(f, "{:03}", self.index % 1_000)?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

impl FromStr for TilePath {
    type Err = InvalidTilePath;

    fn from_str(text: &str) -> Result<Self, InvalidTilePath> {
        let path = parse(text).ok_or(InvalidTilePath)?;
        // One form for each tile: no element of zeros too many.
        if path.to_string() == text { Ok(path) } else { Err(InvalidTilePath) }
    }
}

fn parse(text: &str) -> Option<TilePath> {
    let (resource, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let resource = match resource {
        "entries" => Resource::Entries,
        level => Resource::Hashes(u8::try_from(decimal(level)?).ok().filter(|l| *l < LEVELS)?),
    };
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, u16::try_from(decimal(width)?).ok()?),
        None => (rest, 256),
    };
    if width == 0 || rest.contains(".p/") && width == 256 {
        return None;
    }
    let mut number = 0_u64;
    for element in index.split('/') {
        let digits = element.strip_prefix('x').unwrap_or(element);
        if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        number = number.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
    }
    let hashes = number.checked_mul(256)?.checked_add(u64::from(width))?;
    let end = hashes.checked_mul(1 << (8 * u32::from(resource.level())))?;
    (end <= SIZE_MAX).then_some(TilePath { resource, index: number, width })
}
