//! An export on its way to its reader.
//!
//! A task of its own reads records and encodes them, a few chunks ahead of the reader at most. When
//! the reader stalls it gives up, since it holds a snapshot of the database.

use std::time::Duration;

use auditrail_core::{ExportEncoder, ExportFormat, Record};
use auditrail_store::StoreError;
use bytes::Bytes;
use futures_util::stream::{self, Stream, TryStreamExt};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;

use crate::problem::Problem;

/// Bytes in a chunk, from which on it is sent.
const CHUNK_BYTES: usize = 64 * 1_024;
/// Chunks that may wait for the reader.
const CHUNKS_AHEAD: usize = 4;

/// What the task sends.
enum Message {
    Chunk(Bytes),
    /// Everything was sent. Without it the export was cut off.
    End,
}

type Sender = mpsc::Sender<Result<Message, StoreError>>;
type Receiver = mpsc::Receiver<Result<Message, StoreError>>;

/// Why an export ends before its end. The reader sees its connection break.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the export was aborted")]
pub(crate) struct CutOff;

/// Starts an export, and gives its bytes once there are some. Counts its rows.
///
/// # Errors
/// What kept the export from starting; later on there is only [`CutOff`].
pub(crate) async fn start(
    records: impl Stream<Item = Result<Record, StoreError>> + Send + 'static,
    format: ExportFormat,
    stall: Duration,
    rows: Counter,
) -> Result<impl Stream<Item = Result<Bytes, CutOff>> + Send + 'static, Problem> {
    let (sender, mut receiver) = mpsc::channel(CHUNKS_AHEAD);
    tokio::spawn(async move {
        if let Err(Stop::Failed(error)) = send_all(records, format, &sender, stall, &rows).await {
            // A reader that went away needs no message.
            drop(sender.send_timeout(Err(error), stall).await);
        }
    });
    let first = match receiver.recv().await {
        Some(first) => first?,
        None => return Err(Problem::internal("export_failed")),
    };
    Ok(bytes(first, receiver))
}

/// The chunks, the first of which is here already.
fn bytes(
    first: Message,
    receiver: Receiver,
) -> impl Stream<Item = Result<Bytes, CutOff>> + Send + 'static {
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
                Err(CutOff)
            }
            None => Err(CutOff),
        }
    })
}

/// Why the task stops before the end.
enum Stop {
    /// The reader stalled or went away.
    NoReader,
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
        encoder.record(&record, &mut chunk).map_err(unwritable)?;
        rows.inc();
        if chunk.len() >= CHUNK_BYTES {
            send(sender, Message::Chunk(std::mem::take(&mut chunk).into()), stall).await?;
        }
    }
    encoder.finish(&mut chunk).map_err(unwritable)?;
    send(sender, Message::Chunk(chunk.into()), stall).await?;
    send(sender, Message::End, stall).await
}

async fn send(sender: &Sender, message: Message, stall: Duration) -> Result<(), Stop> {
    let sent = sender.send_timeout(Ok(message), stall).await;
    sent.map_err(|_| {
        tracing::warn!("the client of an export stalled or disconnected");
        Stop::NoReader
    })
}

/// A record that cannot be encoded, which nobody has seen, ends the export like a reader's leaving.
#[expect(clippy::needless_pass_by_value, reason = "it is the argument of map_err")]
fn unwritable(error: std::io::Error) -> Stop {
    tracing::error!(%error, "cannot encode a record for export");
    Stop::NoReader
}
