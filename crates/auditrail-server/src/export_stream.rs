//! Streaming of an export to its client.
//!
//! A task reads and encodes the records, at most a few chunks ahead of the client. If the client stalls,
//! the task aborts, because it holds a snapshot of the database.

use std::time::Duration;

use auditrail_core::{ExportEncoder, ExportFormat, Record};
use auditrail_store::StoreError;
use bytes::Bytes;
use futures_util::stream::{self, Stream, TryStreamExt};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;

use crate::problem::Problem;

/// Size from which a chunk is sent.
const CHUNK_BYTES: usize = 64 * 1_024;
/// Maximum number of chunks that wait for the client.
const CHUNKS_AHEAD: usize = 4;

/// A message of the export task.
enum Message {
    Chunk(Bytes),
    /// The export is complete. Without this message it was aborted.
    End,
}

type Sender = mpsc::Sender<Result<Message, StoreError>>;
type Receiver = mpsc::Receiver<Result<Message, StoreError>>;

/// An export was aborted. The client sees its connection close.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the export was aborted")]
pub(crate) struct ExportAborted;

/// Starts an export, and returns its bytes when the first are available. Counts its rows.
///
/// # Errors
/// If the export fails before its first bytes; a later failure is an [`ExportAborted`] of the stream.
pub(crate) async fn start(
    records: impl Stream<Item = Result<Record, StoreError>> + Send + 'static,
    format: ExportFormat,
    stall: Duration,
    rows: Counter,
) -> Result<impl Stream<Item = Result<Bytes, ExportAborted>> + Send + 'static, Problem> {
    let (sender, mut receiver) = mpsc::channel(CHUNKS_AHEAD);
    tokio::spawn(async move {
        if let Err(Stop::Failed(error)) = send_all(records, format, &sender, stall, &rows).await {
            // Sending fails if the client has disconnected, which is fine.
            drop(sender.send_timeout(Err(error), stall).await);
        }
    });
    let first = match receiver.recv().await {
        Some(first) => first?,
        None => return Err(Problem::internal("export_failed")),
    };
    Ok(bytes(first, receiver))
}

/// The chunks, the first of which has been received already.
fn bytes(
    first: Message,
    receiver: Receiver,
) -> impl Stream<Item = Result<Bytes, ExportAborted>> + Send + 'static {
    stream::try_unfold((Some(first), receiver), |(first, mut receiver)| async {
        let message = match first {
            Some(message) => Some(Ok(message)),
            None => receiver.recv().await,
        };
        match message {
            Some(Ok(Message::Chunk(bytes))) => Ok(Some((bytes, (None, receiver)))),
            Some(Ok(Message::End)) => Ok(None),
            Some(Err(error)) => {
                tracing::error!(code = error.code(), %error, "export aborted");
                Err(ExportAborted)
            }
            None => Err(ExportAborted),
        }
    })
}

/// Why the task stops early.
enum Stop {
    /// The client stalled or disconnected, or a record cannot be encoded.
    Aborted,
    /// The database failed.
    Failed(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

async fn send_all(
    records: impl Stream<Item = Result<Record, StoreError>>,
    format: ExportFormat,
    sender: &Sender,
    stall: Duration,
    rows: &Counter,
) -> Result<(), Stop> {
    let mut records = std::pin::pin!(records);
    let mut encoder = ExportEncoder::new(format);
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    while let Some(record) = records.try_next().await? {
        encoder.record(&record, &mut chunk).map_err(encoding_failed)?;
        rows.inc();
        if chunk.len() >= CHUNK_BYTES {
            send(sender, Message::Chunk(std::mem::take(&mut chunk).into()), stall).await?;
        }
    }
    encoder.finish(&mut chunk).map_err(encoding_failed)?;
    send(sender, Message::Chunk(chunk.into()), stall).await?;
    send(sender, Message::End, stall).await
}

async fn send(sender: &Sender, message: Message, stall: Duration) -> Result<(), Stop> {
    sender.send_timeout(Ok(message), stall).await.map_err(|_| {
        tracing::warn!("the client of an export stalled or disconnected");
        Stop::Aborted
    })
}

/// Encoding into memory is not expected to fail; if it does, the export is aborted.
#[expect(clippy::needless_pass_by_value, reason = "it is the argument of map_err")]
fn encoding_failed(error: std::io::Error) -> Stop {
    tracing::error!(%error, "cannot encode a record for export");
    Stop::Aborted
}
