//! Server-sent events of records.

use auditrail_core::FeedItem;
use bytes::Bytes;

/// The event of a record. Its JSON has no line breaks.
///
/// # Errors
/// The record cannot be serialized, which is not expected.
pub(crate) fn record_event(item: &FeedItem) -> Result<Bytes, serde_json::Error> {
    let mut text = format!("id: {}\nevent: record\ndata: ", item.seq).into_bytes();
    serde_json::to_writer(&mut text, item)?;
    text.extend_from_slice(b"\n\n");
    Ok(text.into())
}
