//! Receiving the bytes of a request body, at the pace of its sender and as memory is free.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use bytes::BytesMut;
use futures_util::FutureExt;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Frame;
use tokio::time::Instant;

use crate::config::ServerConfig;
use crate::limits::SMALL_BODY_MAX_BYTES;
use crate::memory::{BodyPermit, NoMemory};
use crate::pace::Pace;
use crate::problem::Problem;

/// Size up to which the buffer of a body grows by doubling. Beyond it the rest is reserved at once, since
/// copying a large body would transiently take up to three times its memory; pages that are reserved and
/// not written to take none.
const DOUBLING_MAX: usize = 256 * 1_024;

/// Receives a body of up to `body_max_bytes`.
///
/// # Errors
/// The body is too large, truncated or too slow, or no memory became free for it in time.
pub(super) async fn receive(
    body: Body,
    config: &ServerConfig,
    permit: &mut BodyPermit,
) -> Result<Bytes, Problem> {
    let max = config.body_max_bytes;
    let announced = announced(&body, max);
    let mut frames = Frames::new(body, config);
    let mut all = BytesMut::new();
    // A body of a single frame, which is the usual case, is not copied.
    let Some(first) = frames.next(permit).await? else {
        return Ok(Bytes::new());
    };
    permit.grow_to(first.len()).await?;
    if frames.is_end() {
        return Ok(first);
    }
    let mut next = Some(first);
    while let Some(data) = next {
        reserve(&mut all, data.len(), announced, permit).await?;
        all.extend_from_slice(&data);
        drop(data);
        next = frames.next(permit).await?;
    }
    Ok(all.freeze())
}

/// The most bytes that a body may have: its `Content-Length`, or the limit for one without.
pub(super) fn announced(body: &Body, max: usize) -> usize {
    let upper = body.size_hint().upper().unwrap_or(u64::MAX);
    usize::try_from(upper).unwrap_or(usize::MAX).min(max)
}

/// Reserves space for some more bytes, and the memory for it.
async fn reserve(
    all: &mut BytesMut,
    more: usize,
    announced: usize,
    permit: &mut BodyPermit,
) -> Result<(), Problem> {
    let needed = all.len() + more;
    if needed > DOUBLING_MAX {
        // In steps, because each costs a lock.
        let step = needed.next_multiple_of(SMALL_BODY_MAX_BYTES).min(announced.max(needed));
        permit.grow_to(step).await?;
        all.reserve(announced.saturating_sub(all.len()).max(more));
    } else if needed > all.capacity() {
        let capacity = needed.max(all.capacity() * 2).min(announced.max(needed));
        permit.grow_to(capacity).await?;
        all.reserve(capacity - all.len());
    }
    Ok(())
}

impl From<NoMemory> for Problem {
    fn from(NoMemory: NoMemory) -> Self {
        Self::overloaded()
    }
}

type NextFrame = Result<Frame<Bytes>, Box<dyn std::error::Error + Send + Sync>>;

/// The frames of a body, with the limits of its size, rate and duration.
struct Frames {
    body: Limited<Body>,
    max: usize,
    pace: Pace,
    /// How long the body may still take, without the time that it waits for memory.
    time_left: Duration,
}

impl Frames {
    fn new(body: Body, config: &ServerConfig) -> Self {
        Self {
            body: Limited::new(body, config.body_max_bytes),
            max: config.body_max_bytes,
            pace: Pace::new(config.body_min_rate, config.body_grace),
            time_left: config.body_timeout,
        }
    }

    fn is_end(&self) -> bool {
        self.body.is_end_stream()
    }

    /// The next bytes; `None` at the end.
    async fn next(&mut self, permit: &BodyPermit) -> Result<Option<Bytes>, Problem> {
        loop {
            // Often it has arrived already, so neither a clock nor a timer is needed.
            let frame = match self.body.frame().now_or_never() {
                Some(frame) => frame,
                None => self.wait(permit).await?,
            };
            let frame = match frame {
                None => return Ok(None),
                Some(Err(error)) if error.is::<LengthLimitError>() => {
                    return Err(Problem::large_body(self.max));
                }
                Some(Err(_)) => return Err(Problem::broken_body()),
                Some(Ok(frame)) => frame,
            };
            // Trailers are ignored.
            if let Ok(data) = frame.into_data() {
                self.pace.moved(data.len());
                return Ok(Some(data));
            }
        }
    }

    /// Waits for the sender.
    async fn wait(&mut self, permit: &BodyPermit) -> Result<Option<NextFrame>, Problem> {
        let began = Instant::now();
        let allowance = self.time_left.min(self.pace.allowance());
        let frame = tokio::select! {
            biased;
            frame = tokio::time::timeout(allowance, self.body.frame()) => frame,
            evicted = permit.evicted() => return Err(evicted.into()),
        };
        let waited = began.elapsed();
        self.time_left = self.time_left.saturating_sub(waited);
        self.pace.waited(waited);
        frame.map_err(|_| Problem::slow_body())
    }
}
