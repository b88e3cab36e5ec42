//! The quota status that the response of a request reports.

use std::sync::{Arc, Mutex, PoisonError};

use super::QuotaStatus;

/// Carries the quota status of a request from its extractor to the middleware that writes the response
/// headers. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReportedQuota(Arc<Mutex<Option<QuotaStatus>>>);

impl ReportedQuota {
    pub(crate) fn set(&self, status: QuotaStatus) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
    }

    pub(crate) fn get(&self) -> Option<QuotaStatus> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
