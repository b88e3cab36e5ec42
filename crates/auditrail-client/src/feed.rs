//! Follows the log: every record once, in the order of its seq.

use std::collections::VecDeque;
use std::time::Duration;

use auditrail_api::FeedPage;
use auditrail_core::{Backoff, FeedItem, FeedPosition, Filters, PageSize};
use futures_util::stream::{self, Stream};

use crate::client::Client;
use crate::clock;
use crate::error::ClientError;

/// How long the service waits for the next record, in seconds: less than proxies usually allow.
const WAIT_SECONDS: u32 = 20;
/// Timeout of a request that waits, whatever that of other requests is.
const WAIT_TIMEOUT: Duration = Duration::from_secs(40);
/// Pauses between failed requests.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));
/// Pause if the service responded without a record and without waiting, as it does during a shutdown.
const EARLY_PAUSE: Duration = Duration::from_millis(500);
/// Upper limit for `Retry-After`.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// Where a [`Feed`] starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedStart {
    /// Before the first record.
    Beginning,
    /// After the newest record.
    Head,
    /// After a position that was stored earlier.
    After(FeedPosition),
}

/// Follows the log; [`Client::feed`] creates it.
///
/// It requests pages, waits for new records at the head, and retries failed requests without a limit, at any of the
/// service's servers. Records come in the order of their seq, each once, across retries.
///
/// # Exactly once
/// Store the [`position`](Self::position) after a record was processed, in the same transaction if possible, and
/// start [after](FeedStart::After) it next time. A position that the log does not have, because its database was
/// restored to an earlier state, is the error `position_unknown`: records that were processed may be lost from the
/// log, or may have another seq, so a person has to decide where to continue.
#[derive(Debug)]
pub struct Feed {
    client: Client,
    filters: Filters,
    limit: PageSize,
    follows: bool,
    /// After the last record that was returned, and where to continue if none is buffered.
    position: Option<FeedPosition>,
    buffered: VecDeque<FeedItem>,
    /// The position of the buffered page.
    next: Option<FeedPosition>,
    has_more: bool,
    failures: u32,
}

impl Client {
    /// Follows the log from a position. Sends nothing yet.
    ///
    /// ```no_run
    /// # async fn follow(client: auditrail_client::Client, stored: auditrail_core::FeedPosition)
    /// #     -> Result<(), auditrail_client::ClientError> {
    /// use auditrail_client::FeedStart;
    ///
    /// let mut feed = client.feed(Default::default(), FeedStart::After(stored));
    /// while let Some(item) = feed.next().await? {
    ///     println!("{} {}", item.seq, item.record.action);
    ///     // Store feed.position().
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn feed(&self, filters: Filters, start: FeedStart) -> Feed {
        let position = match start {
            FeedStart::Beginning => Some(FeedPosition::START),
            FeedStart::Head => None,
            FeedStart::After(position) => Some(position),
        };
        Feed {
            client: self.clone(),
            filters,
            limit: PageSize::default(),
            follows: true,
            position,
            buffered: VecDeque::new(),
            next: None,
            has_more: true,
            failures: 0,
        }
    }
}

impl Feed {
    /// Ends at the newest record, instead of waiting for more.
    #[must_use]
    pub fn until_head(self) -> Self {
        Self { follows: false, ..self }
    }

    /// Requests pages of this size; 100 records by default.
    #[must_use]
    pub fn page_size(self, limit: PageSize) -> Self {
        Self { limit, ..self }
    }

    /// The position after the last record that [`next`](Self::next) has returned, and after records that do not
    /// match; `None` at the head before the first response. Serializable.
    #[must_use]
    pub const fn position(&self) -> Option<FeedPosition> {
        self.position
    }

    /// Returns the next record; waits for it, or returns `None` at the head with [`until_head`](Self::until_head).
    /// It can be cancelled without losing a record.
    ///
    /// # Errors
    /// What a retry does not help against: `position_unknown`, an API key that is not accepted, invalid filters, or
    /// a server that does not respond like the service. The position is unchanged, so `next` can be called again.
    pub async fn next(&mut self) -> Result<Option<FeedItem>, ClientError> {
        loop {
            if let Some(item) = self.buffered.pop_front() {
                self.position = Some(item.position());
                if self.buffered.is_empty() {
                    self.position = self.next.take().or(self.position);
                }
                return Ok(Some(item));
            }
            if !self.follows && !self.has_more {
                return Ok(None);
            }
            self.fetch().await?;
        }
    }

    /// The records as a stream, which ends after an error.
    pub fn into_stream(self) -> impl Stream<Item = Result<FeedItem, ClientError>> + Send {
        stream::try_unfold(self, |mut feed| async {
            let item = feed.next().await?;
            Ok(item.map(|item| (item, feed)))
        })
    }

    /// Requests the next page until the service responds.
    async fn fetch(&mut self) -> Result<(), ClientError> {
        let waits = self.follows && !self.has_more;
        let started = clock::monotonic();
        let parameters = self.parameters(waits)?;
        let timeout = waits.then_some(WAIT_TIMEOUT);
        let page = match self.client.feed_page(&parameters, self.limit, timeout).await {
            Ok(page) => page,
            Err(error) if is_temporary(&error) => {
                tokio::time::sleep(self.pause_after(&error)).await;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.failures = 0;
        self.check(&page)?;
        self.has_more = page.has_more;
        if page.data.is_empty() {
            self.position = Some(page.position);
            if waits && !page.has_more && started.elapsed() < EARLY_PAUSE {
                tokio::time::sleep(EARLY_PAUSE).await;
            }
        } else {
            self.next = Some(page.position);
            self.buffered = page.data.into();
        }
        Ok(())
    }

    fn parameters(&self, waits: bool) -> Result<String, ClientError> {
        let mut pairs = self.filters.to_pairs();
        let mut add = |name: &'static str, value: String| pairs.push((name.into(), value));
        match self.position {
            Some(position) => {
                add("after", position.seq.to_string());
                if let Some(id) = position.id {
                    add("after_id", id.to_string());
                }
            }
            None => add("after", "head".to_owned()),
        }
        add("limit", self.limit.to_string());
        if waits {
            add("wait", WAIT_SECONDS.to_string());
        }
        serde_urlencoded::to_string(&pairs)
            .map_err(|_| ClientError::Url { reason: "cannot contain these filters" })
    }

    /// Checks that the records follow the position in ascending order, so that none is processed twice whatever a
    /// server responds.
    fn check(&self, page: &FeedPage) -> Result<(), ClientError> {
        let mut last = self.position.map_or(-1, |position| position.seq);
        for item in &page.data {
            if item.seq <= last {
                return Err(out_of_order());
            }
            last = item.seq;
        }
        if page.position.seq < last { Err(out_of_order()) } else { Ok(()) }
    }

    fn pause_after(&mut self, error: &ClientError) -> Duration {
        let pause = BACKOFF.pause(self.failures, clock::random_fraction());
        self.failures = self.failures.saturating_add(1);
        match error.retry_after() {
            Some(after) => after.min(RETRY_AFTER_MAX).max(pause),
            None => pause,
        }
    }
}

/// Whether a retry may help.
fn is_temporary(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } | ClientError::Timeout { .. } => true,
        ClientError::Problem(problem) => matches!(problem.status, 408 | 429 | 500..),
        _ => false,
    }
}

fn out_of_order() -> ClientError {
    let detail = "the records are not in the order of their seq".to_owned();
    ClientError::UnexpectedResponse { detail, request_id: None }
}
