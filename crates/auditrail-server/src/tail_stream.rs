//! The events of one tail: a response that ends only with its client, its API key or the service.
//!
//! The stream is read as fast as the client takes it, so a tail holds no more than the events of one step. At the
//! head it takes the records that all tails share from memory; behind them it reads from the database, with a
//! share of the connections.

mod end;
mod events;

use std::sync::Arc;

use auditrail_core::{FeedPosition, FeedQuery, Filters, Intents, PageSize};
use auditrail_store::{FeedBatch, StoreError};
use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, Stream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::app::App;
use crate::auth::{AuthError, Principal, Scope};
use crate::limits::{
    SMALL_ANSWER_MAX_BYTES, TAIL_HEARTBEAT, TAIL_KEY_CHECK, TAIL_READ_BYTES, TAIL_STEP_BYTES,
    TAIL_STEP_RECORDS,
};
use crate::problem::Problem;
use crate::share_holder::ShareHolder;
use crate::tails::{Head, Listening, Newest, RingItem, record_event};
use crate::telemetry::metrics::TailEndReason;

/// A client that follows the log.
pub(crate) struct Tail {
    app: App,
    listening: Listening,
    head: watch::Receiver<Head>,
    /// The history in which the position is known.
    history: u64,
    filters: Filters,
    position: FeedPosition,
    principal: Principal,
    holder: ShareHolder,
    token: Box<str>,
    /// Completes when the shutdown begins.
    shutdown: BoxFuture<'static, ()>,
    /// Completes when the client is gone.
    gone: BoxFuture<'static, ()>,
    next_heartbeat: Instant,
    next_key_check: Instant,
    /// The last seq that the client knows.
    sent: Option<i64>,
    is_ended: bool,
}

/// What a tail needs to start.
pub(crate) struct TailContext {
    pub(crate) listening: Listening,
    pub(crate) filters: Filters,
    /// Where to start; the head by default.
    pub(crate) after: Option<FeedPosition>,
    pub(crate) principal: Principal,
    pub(crate) holder: ShareHolder,
    pub(crate) token: Box<str>,
    pub(crate) gone: BoxFuture<'static, ()>,
}

/// What a tail does next.
enum Next {
    Send(Bytes),
    /// Nothing to send yet.
    Continue,
    End(TailEndReason),
    /// The client is gone.
    Stop,
}

impl Tail {
    /// Starts a tail. A position is checked at once, so that an unknown one is an error response.
    ///
    /// # Errors
    /// The position is unknown, or the log cannot be read.
    pub(crate) async fn start(app: &App, context: TailContext) -> Result<Self, Problem> {
        let TailContext { listening, filters, after, principal, holder, token, gone } = context;
        let mut head = listening.head();
        let started = head.wait_for(|head| head.position.is_some()).await;
        let Head { position, history } = *started.map_err(|_| Problem::internal("internal"))?;
        let position = match after {
            None => position.unwrap_or(FeedPosition::START),
            Some(after) => known(app, &listening, &holder, after).await?,
        };
        let now = Instant::now();
        Ok(Self {
            shutdown: Box::pin(app.shutting_down().begun(std::time::Duration::ZERO)),
            app: app.clone(),
            listening,
            head,
            history,
            filters,
            position,
            principal,
            holder,
            token,
            gone,
            next_heartbeat: now + TAIL_HEARTBEAT,
            next_key_check: now + TAIL_KEY_CHECK,
            sent: None,
            is_ended: false,
        })
    }

    /// The events, in steps.
    pub(crate) fn into_stream(
        self,
    ) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> + Send {
        stream::unfold(self, |mut tail| async {
            let bytes = tail.next_bytes().await?;
            Some((Ok(bytes), tail))
        })
    }

    async fn next_bytes(&mut self) -> Option<Bytes> {
        if self.is_ended {
            return None;
        }
        if self.sent.is_none() {
            let start = events::start(self.shown_position());
            self.sent = Some(self.position.seq);
            return Some(start);
        }
        loop {
            match self.step().await {
                Next::Send(bytes) => {
                    self.next_heartbeat = Instant::now() + TAIL_HEARTBEAT;
                    return Some(bytes);
                }
                Next::Continue => tokio::task::yield_now().await,
                Next::End(reason) => return Some(self.end(reason)),
                Next::Stop => return None,
            }
        }
    }

    async fn step(&mut self) -> Next {
        if self.app.shutting_down().has_begun() {
            return Next::End(TailEndReason::Shutdown);
        }
        if self.head.borrow().history != self.history {
            return Next::End(TailEndReason::PositionUnknown);
        }
        let now = Instant::now();
        if now >= self.next_key_check {
            self.next_key_check = now + TAIL_KEY_CHECK;
            if !self.has_valid_key().await {
                return Next::End(TailEndReason::Key);
            }
        }
        // Also between records that do not match, of which there may be many.
        if now >= self.next_heartbeat {
            return Next::Send(self.heartbeat());
        }
        match self.listening.newest_after(self.position.seq) {
            Newest::Records(items, end) => self.take(&items, end),
            Newest::Behind => self.catch_up().await,
            Newest::None => self.wait().await,
        }
    }

    /// Waits for new records, or for the next thing to do.
    async fn wait(&mut self) -> Next {
        let due = self.next_heartbeat.min(self.next_key_check);
        tokio::select! {
            biased;
            () = &mut self.shutdown => Next::End(TailEndReason::Shutdown),
            () = &mut self.gone => Next::Stop,
            // An error means that the service ends.
            changed = self.head.changed() => match changed {
                Ok(()) => Next::Continue,
                Err(_) => Next::End(TailEndReason::Shutdown),
            },
            () = sleep_until(due) => Next::Continue,
        }
    }

    /// Sends the matches of records in memory, up to the maximum size of a step.
    fn take(&mut self, items: &[Arc<RingItem>], end: FeedPosition) -> Next {
        let mut events = BytesMut::new();
        for item in items {
            if events.len() >= TAIL_STEP_BYTES {
                return self.send(events);
            }
            self.position = item.item.position();
            if self.filters.matches(&item.item.record) {
                self.sent = Some(self.position.seq);
                events.extend_from_slice(&item.event);
            }
        }
        self.position = end;
        self.send(events)
    }

    fn send(&self, events: BytesMut) -> Next {
        if events.is_empty() { Next::Continue } else { Next::Send(events.freeze()) }
    }

    /// Reads the next records from the database.
    async fn catch_up(&mut self) -> Next {
        let shares = self.app.database_shares();
        let Ok(share) = shares.slow_read(&self.holder).await else {
            return Next::End(TailEndReason::Behind);
        };
        let limit = u16::try_from(TAIL_STEP_RECORDS).ok().map(PageSize::new);
        let query = FeedQuery {
            filters: self.filters.clone(),
            after: self.position,
            limit: limit.transpose().ok().flatten().unwrap_or_default(),
        };
        let read = self.app.log().feed_within(&query, None, TAIL_READ_BYTES).await;
        drop(share);
        match read {
            Ok(batch) => self.take_batch(&batch),
            Err(StoreError::PositionUnknown { .. }) => Next::End(TailEndReason::PositionUnknown),
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "a tail cannot read from the database");
                Next::End(TailEndReason::Unavailable)
            }
        }
    }

    /// Sends records from the database. Their events are in memory until they were sent, like any large response.
    fn take_batch(&mut self, batch: &FeedBatch) -> Next {
        let mut events = BytesMut::new();
        for item in &batch.items {
            match record_event(item) {
                Ok(event) => events.extend_from_slice(&event),
                Err(_) => return Next::End(TailEndReason::Unavailable),
            }
        }
        let mut events = events.freeze();
        if events.len() > SMALL_ANSWER_MAX_BYTES {
            match self.app.answer_memory().take(&self.holder, events.len()) {
                Some(permit) => events = permit.hold(events),
                None => return Next::End(TailEndReason::Behind),
            }
        }
        if let Some(last) = batch.items.last() {
            self.sent = Some(last.seq);
        }
        self.position = batch.position;
        if events.is_empty() { Next::Continue } else { Next::Send(events) }
    }

    /// Whether the key still has the scope and the tenant with which the tail started.
    async fn has_valid_key(&mut self) -> bool {
        match self.app.authenticator().authenticate(&self.token).await {
            Ok(principal) => {
                principal.may(Scope::Read) && principal.tenant == self.principal.tenant
            }
            Err(AuthError::Refused) => false,
            // Without the database there are no new records either.
            Err(AuthError::Unavailable(_)) => true,
        }
    }

    /// A comment, and the position if records that do not match have moved it.
    fn heartbeat(&mut self) -> Bytes {
        let moved = self.sent != Some(self.position.seq);
        self.sent = Some(self.position.seq);
        events::heartbeat(moved.then(|| self.shown_position()))
    }

    fn end(&mut self, reason: TailEndReason) -> Bytes {
        self.is_ended = true;
        self.app.metrics().tails().count_end(reason);
        events::end(reason, self.shown_position())
    }

    /// The position as the client may see it.
    fn shown_position(&self) -> FeedPosition {
        shown(self.position, &self.principal)
    }
}

/// A position as the holder of a key may see it: without the ids of other tenants.
pub(crate) fn shown(position: FeedPosition, principal: &Principal) -> FeedPosition {
    if principal.tenant.is_some() { position.without_id() } else { position }
}

/// Filters of a tail: at the head every intent is open.
pub(crate) fn with_intents(filters: Filters) -> Filters {
    Filters { intents: Some(Intents::All), ..filters }
}

/// Checks that the log has a position, and completes its id. The clients of a server that was restarted return all at
/// once, so recent positions are looked up in memory.
async fn known(
    app: &App,
    listening: &Listening,
    holder: &ShareHolder,
    after: FeedPosition,
) -> Result<FeedPosition, Problem> {
    if let Some(own) = listening.position(after.seq)
        && own.id.is_some_and(|id| after.is_of(id))
    {
        return Ok(own);
    }
    let _share = app.database_shares().read(holder).await?;
    Ok(app.log().position(after).await?)
}
