//! Streaming of an export to its client.
//!
//! A task reads and encodes the records, at most a few chunks ahead of the client. If the client stalls, is too
//! slow or disconnects, the task aborts, because it holds a snapshot and a connection of the database.

use std::time::Duration;

use auditrail_core::{ExportEncoder, ExportFormat, Record};
use auditrail_store::StoreError;
use bytes::Bytes;
use futures_util::stream::{self, Stream, TryStreamExt};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::time::Instant;

use crate::config::ServerConfig;
use crate::pace::Pace;
use crate::problem::Problem;
use crate::shares::Share;
use crate::telemetry::metrics::{ExportAbort, Metrics};

/// Size from which a chunk is sent.
const CHUNK_BYTES: usize = 64 * 1_024;
/// Maximum number of chunks that wait for the client.
const CHUNKS_AHEAD: usize = 4;

/// What an export needs besides its records.
pub(crate) struct ExportContext {
    pub(crate) format: ExportFormat,
    /// How long the client may take nothing.
    pub(crate) stall: Duration,
    pub(crate) pace: Pace,
    pub(crate) metrics: Metrics,
    /// The share of the database connections that the export uses until its end.
    pub(crate) share: Share,
}

impl ExportContext {
    pub(crate) fn new(
        format: ExportFormat,
        config: &ServerConfig,
        metrics: Metrics,
        share: Share,
    ) -> Self {
        let pace = Pace::new(config.export_min_rate, config.export_rate_window);
        Self { format, stall: config.stall_timeout, pace, metrics, share }
    }
}

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
    context: ExportContext,
) -> Result<impl Stream<Item = Result<Bytes, ExportAborted>> + Send + 'static, Problem> {
    let (sender, mut receiver) = mpsc::channel(CHUNKS_AHEAD);
    tokio::spawn(run(records, context, sender));
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

/// Runs an export to its end, or until the client is gone, also while the database has not sent a record yet.
async fn run(
    records: impl Stream<Item = Result<Record, StoreError>>,
    context: ExportContext,
    sender: Sender,
) {
    let ExportContext { format, stall, pace, metrics, share } = context;
    let mut client = Client { sender: &sender, stall, pace };
    let rows = metrics.export_rows(format);
    let outcome = tokio::select! {
        outcome = send_all(records, format, &mut client, &rows) => outcome,
        () = sender.closed() => Err(Stop::Aborted(ExportAbort::Disconnected)),
    };
    // The connection of the database is free now.
    drop(share);
    match outcome {
        Ok(()) => {}
        Err(Stop::Aborted(reason)) => {
            metrics.count_aborted_export(reason);
            tracing::warn!(reason = reason.as_str(), "export aborted");
        }
        Err(Stop::Failed(error)) => {
            metrics.count_aborted_export(ExportAbort::Failed);
            // Sending fails if the client has disconnected, which is fine.
            drop(sender.send_timeout(Err(error), stall).await);
        }
    }
}

/// Why the task stops early.
enum Stop {
    /// The client is gone or too slow, or a record cannot be encoded.
    Aborted(ExportAbort),
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
    client: &mut Client<'_>,
    rows: &Counter,
) -> Result<(), Stop> {
    let mut records = std::pin::pin!(records);
    let mut encoder = ExportEncoder::new(format);
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    while let Some(record) = records.try_next().await? {
        encoder.record(&record, &mut chunk).map_err(encoding_failed)?;
        rows.inc();
        if chunk.len() >= CHUNK_BYTES {
            client.send(Message::Chunk(std::mem::take(&mut chunk).into())).await?;
        }
    }
    encoder.finish(&mut chunk).map_err(encoding_failed)?;
    client.send(Message::Chunk(chunk.into())).await?;
    client.send(Message::End).await
}

/// The client of an export.
struct Client<'a> {
    sender: &'a Sender,
    stall: Duration,
    pace: Pace,
}

impl Client<'_> {
    /// Waits until the client has taken enough of the earlier messages.
    async fn send(&mut self, message: Message) -> Result<(), Stop> {
        let bytes = match &message {
            Message::Chunk(bytes) => bytes.len(),
            Message::End => 0,
        };
        let allowance = self.pace.allowance();
        let start = Instant::now();
        match self.sender.send_timeout(Ok(message), self.stall.min(allowance)).await {
            Err(SendTimeoutError::Timeout(_)) if allowance < self.stall => {
                Err(Stop::Aborted(ExportAbort::Slow))
            }
            Err(SendTimeoutError::Timeout(_)) => Err(Stop::Aborted(ExportAbort::Stalled)),
            Err(SendTimeoutError::Closed(_)) => Err(Stop::Aborted(ExportAbort::Disconnected)),
            Ok(()) => {
                self.pace.waited(start.elapsed());
                self.pace.moved(bytes);
                Ok(())
            }
        }
    }
}

/// Encoding into memory is not expected to fail; if it does, the export is aborted.
#[expect(clippy::needless_pass_by_value, reason = "it is the argument of map_err")]
fn encoding_failed(error: std::io::Error) -> Stop {
    tracing::error!(%error, "cannot encode a record for export");
    Stop::Aborted(ExportAbort::Failed)
}
