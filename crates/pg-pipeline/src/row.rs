//! Rows of a result.

use std::ops::Range;

use bytes::Bytes;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::DataRowBody;

use crate::error::Error;

/// A row, each column in the binary format of its type.
#[derive(Clone, Debug)]
pub struct Row {
    bytes: Bytes,
    columns: Vec<Option<Range<usize>>>,
}

impl Row {
    pub(crate) fn read(body: &DataRowBody) -> Result<Self, Error> {
        let columns = body.ranges().collect()?;
        Ok(Self { bytes: body.buffer_bytes().clone(), columns })
    }

    /// The bytes of a column, from 0; `None` for NULL and for a missing column.
    #[must_use]
    pub fn get(&self, column: usize) -> Option<&[u8]> {
        let range = self.columns.get(column)?.clone()?;
        self.bytes.get(range)
    }

    /// The number of columns.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether the row has no columns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }
}
