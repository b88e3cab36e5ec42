//! The spool in a build without the feature `spool`: an uninhabited type with the same interface.

use super::{DeadLetter, SpoolBatch, SpoolError};
use crate::entry::Entry;

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

    pub(crate) fn append(&self, _ticket: u64, _entry: Entry) -> Result<(), SpoolError> {
        match *self {}
    }

    pub(crate) fn add_dead_letter(&self, _letter: DeadLetter) -> bool {
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
