//! The spool in a build without the feature `spool`: an uninhabited type with the same interface.

use bytes::Bytes;

use super::{SpoolBatch, SpoolError};

/// Cannot be constructed.
#[derive(Debug)]
pub(crate) enum Spool {}

impl Spool {
    pub(crate) fn bytes(&self) -> u64 {
        match *self {}
    }

    pub(crate) fn reserve(&self, _bytes: usize) -> Result<(), SpoolError> {
        match *self {}
    }

    pub(crate) fn release(&self, _bytes: usize) {
        match *self {}
    }

    pub(crate) fn append(&self, _ticket: u64, _text: Bytes) -> Result<(), SpoolError> {
        match *self {}
    }

    #[expect(clippy::unused_async, reason = "same signature as with the feature")]
    pub(crate) async fn read(
        &self,
        _max_records: usize,
        _max_bytes: usize,
    ) -> Result<SpoolBatch, SpoolError> {
        match *self {}
    }

    pub(crate) fn acknowledge(&self, _next: u64) {
        match *self {}
    }

    #[expect(clippy::unused_async, reason = "same signature as with the feature")]
    pub(crate) async fn close(&self) {
        match *self {}
    }
}
