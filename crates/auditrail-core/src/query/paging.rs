//! The page of a search.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::cursor::{Cursor, CursorError, CursorKey};
use super::filters::Filters;
use super::order::Order;
use crate::error::ValueError;
use crate::id::RecordId;
use crate::limits::{OFFSET_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};

/// Most records in one page: 1 to [`PAGE_SIZE_MAX`], [`PAGE_SIZE_DEFAULT`] by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct PageSize(u16);

impl PageSize {
    /// A page size from a number of records.
    ///
    /// # Errors
    /// [`ValueError::OutOfRange`] for 0 and above [`PAGE_SIZE_MAX`].
    pub const fn new(records: u16) -> Result<Self, ValueError> {
        if records == 0 || records > PAGE_SIZE_MAX {
            return Err(PAGE_SIZE_RANGE);
        }
        Ok(Self(records))
    }

    /// The number of records.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

const PAGE_SIZE_RANGE: ValueError = ValueError::OutOfRange { range: "between 1 and 1000" };

impl TryFrom<u16> for PageSize {
    type Error = ValueError;

    fn try_from(records: u16) -> Result<Self, ValueError> {
        Self::new(records)
    }
}

impl From<PageSize> for u16 {
    fn from(size: PageSize) -> Self {
        size.0
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(PAGE_SIZE_DEFAULT)
    }
}

impl FromStr for PageSize {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let records = parse_number(text)?;
        Self::new(u16::try_from(records).map_err(|_| PAGE_SIZE_RANGE)?)
    }
}

impl fmt::Display for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a page is, in the order of its search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// After skipping so many of the first matches, at most [`OFFSET_MAX`]; 0 is the first page.
    ///
    /// New records shift such pages; use a cursor to avoid that.
    Offset(u64),
    /// It starts after the record of a cursor.
    After(Cursor),
    /// It ends before the record of a cursor.
    Before(Cursor),
    /// Around a record, which must match: half of the page before it, the record, and the rest after it.
    Around(RecordId),
}

impl Default for Position {
    fn default() -> Self {
        Self::Offset(0)
    }
}

impl Position {
    /// The position that a token states, which was made for the same filters and order with the same key:
    /// [`After`](Self::After) or [`Before`](Self::Before).
    ///
    /// # Errors
    /// As [`Cursor::decode`].
    pub fn from_token(
        token: &str,
        filters: &Filters,
        order: Order,
        key: &CursorKey,
    ) -> Result<Self, CursorError> {
        let (cursor, is_backward) = Cursor::decode_page(token, filters, order, key)?;
        Ok(if is_backward { Self::Before(cursor) } else { Self::After(cursor) })
    }

    /// Parses the number of matches to skip.
    ///
    /// # Errors
    /// [`ValueError::BadFormat`] for no number, [`ValueError::OutOfRange`] above [`OFFSET_MAX`].
    pub fn parse_offset(text: &str) -> Result<Self, ValueError> {
        let offset = parse_number(text)?;
        if offset > OFFSET_MAX {
            let range = "at most 100000; use a cursor to go further";
            return Err(ValueError::OutOfRange { range });
        }
        Ok(Self::Offset(offset))
    }
}

/// Whether to count all matches of a search. Counting reads every match, so it is not the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Count {
    /// Do not count.
    #[default]
    None,
    /// Count every match.
    Exact,
    /// Return a number that is quickly found. With a tenant among the filters that is the exact one up to
    /// 10,000, else an estimate from the statistics of the table, which may be far off.
    Estimated,
}

impl FromStr for Count {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "exact" => Ok(Self::Exact),
            "estimated" => Ok(Self::Estimated),
            _ => Err(ValueError::UnknownValue { expected: "exact, estimated" }),
        }
    }
}

/// The number of all matches of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// The number.
    pub count: u64,
    /// What it is.
    pub relation: TotalRelation,
}

/// What a number of matches is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TotalRelation {
    /// The number of matches.
    Exact,
    /// A number that the matches exceed: counting stopped there.
    AtLeast,
    /// A guess from statistics of the table, which may be far off.
    Estimated,
}

impl TotalRelation {
    /// The value in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::AtLeast => "at_least",
            Self::Estimated => "estimated",
        }
    }
}

/// Parses a number without sign. One too large for u64 becomes the maximum, which every limit rejects.
pub(super) fn parse_number(text: &str) -> Result<u64, ValueError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ValueError::BadFormat { expected: "a whole number" });
    }
    Ok(text.parse().unwrap_or(u64::MAX))
}
