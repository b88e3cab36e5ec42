//! Records in the order of their seq.

use auditrail_core::{FeedItem, FeedPosition};
use serde::{Deserialize, Serialize};

/// The next records of the sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FeedPage {
    /// The records, by ascending seq.
    pub data: Vec<FeedItem>,
    /// Where to continue: send `seq` as `after` and `id` as `after_id`. It may be beyond the last record of
    /// `data`, because records that do not match were read too.
    pub position: FeedPosition,
    /// Whether the log has more records after the position, which may or may not match.
    pub has_more: bool,
    /// Whether seqs may be missing because of filters or of the tenant of the API key. If not, only records that
    /// have left the log are missing.
    pub filtered: bool,
}

/// The data of the last event of a tail, `end`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TailEnd {
    /// Why the tail ends: `shutdown`, `invalid_key`, `behind`, `position_unknown` or `unavailable`.
    pub reason: String,
    /// What happened, and how to continue.
    pub detail: String,
    /// Where to continue.
    pub position: FeedPosition,
}
