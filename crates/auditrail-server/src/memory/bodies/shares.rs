//! How the memory of request bodies is divided, and which body gives way to which.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::clock;
use crate::limits::{BODY_OVERHEAD_MAX_BYTES, SMALL_BODY_MAX_BYTES};
use crate::share_holder::ShareHolder;

/// Bytes that a body may take without its turn: more than a sender at the minimum rate sends in a while, and
/// little enough that a dozen bodies can wait beside one of the maximum size.
const BEFORE_TURN: usize = 256 * 1_024;

/// How long a body on turn keeps others from theirs. One that is still not complete then has a slow sender; what
/// it needs is not set aside for it any more.
const TURN: Duration = Duration::from_secs(2);

/// How much memory there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// For small bodies only.
    small: usize,
    /// For all other bodies, and for small ones beyond `small`.
    rest: usize,
    /// Of `rest`, for one holder.
    rest_of_holder: usize,
}

impl Limits {
    /// A tenth is for small bodies. One body of the maximum size must fit into half of the rest.
    pub(super) fn new(max: usize, body_max: usize) -> Self {
        let small = max / 10;
        let body_max = body_max.saturating_add(BODY_OVERHEAD_MAX_BYTES.min(body_max));
        let rest = (max - small).max(body_max);
        Self { small, rest, rest_of_holder: (rest / 2).max(body_max) }
    }

    pub(super) fn total(self) -> usize {
        self.small + self.rest
    }
}

/// What one body holds.
#[derive(Debug)]
pub(super) struct Held {
    holder: ShareHolder,
    /// The most it may need.
    announced: usize,
    small: usize,
    rest: usize,
    /// Its entry among the bodies that use the rest or wait.
    id: Option<BodyId>,
    is_complete: bool,
}

impl Held {
    pub(super) fn new(holder: ShareHolder, announced: usize) -> Self {
        Self { holder, announced, small: 0, rest: 0, id: None, is_complete: false }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.small + self.rest
    }

    /// Whether the body holds memory that another may need.
    pub(super) fn can_be_evicted(&self) -> bool {
        self.id.is_some()
    }
}

/// Ids ascend in the order of arrival.
type BodyId = u64;

/// An incomplete body that uses the rest, or waits for it.
#[derive(Debug)]
struct Body {
    holder: ShareHolder,
    announced: usize,
    rest: usize,
    /// When it first needed its turn.
    turn_wanted: Option<u64>,
    turn_since: Option<Instant>,
    is_waiting: bool,
    is_evicted: bool,
    wake: Arc<Notify>,
}

impl Body {
    /// Smaller is more senior: bodies on turn before the others, then by age.
    fn seniority(&self, id: BodyId) -> (bool, u64, BodyId) {
        (self.turn_since.is_none(), self.turn_wanted.unwrap_or(u64::MAX), id)
    }
}

/// What the bodies of one holder use.
#[derive(Debug, Default)]
struct Usage {
    small: usize,
    rest: usize,
    /// Of `rest`, by complete bodies.
    complete: usize,
}

impl Usage {
    fn is_empty(&self) -> bool {
        self.small == 0 && self.rest == 0
    }
}

/// The answer to a body that needs more memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Granted,
    /// It is notified when memory may be free.
    Wait,
    Evicted,
}

/// Which bodies use up the memory that another needs.
#[derive(Clone, Copy)]
enum Rivals {
    OfHolder,
    All,
}

/// The state of the memory.
#[derive(Debug)]
pub(super) struct Shares {
    limits: Limits,
    total: Usage,
    holders: HashMap<ShareHolder, Usage>,
    bodies: BTreeMap<BodyId, Body>,
    waiting: usize,
    next: u64,
}

impl Shares {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            total: Usage::default(),
            holders: HashMap::new(),
            bodies: BTreeMap::new(),
            waiting: 0,
            next: 0,
        }
    }

    pub(super) fn used(&self) -> usize {
        self.total.small + self.total.rest
    }

    /// Grows what a body holds to a number of bytes.
    pub(super) fn grow(&mut self, held: &mut Held, bytes: usize, wake: &Arc<Notify>) -> Verdict {
        if bytes <= held.bytes() {
            return Verdict::Granted;
        }
        if held.rest == 0 && bytes <= SMALL_BODY_MAX_BYTES && self.grow_small(held, bytes) {
            self.forget(held);
            return Verdict::Granted;
        }
        let id = *held.id.get_or_insert_with(|| self.next_number());
        let body = self.bodies.entry(id).or_insert_with(|| Body {
            holder: held.holder.clone(),
            announced: held.announced,
            rest: 0,
            turn_wanted: None,
            turn_since: None,
            is_waiting: false,
            is_evicted: false,
            wake: Arc::clone(wake),
        });
        self.waiting -= usize::from(std::mem::take(&mut body.is_waiting));
        let is_evicted = body.is_evicted;
        let verdict = if is_evicted { Verdict::Evicted } else { self.grow_rest(id, held, bytes) };
        if verdict == Verdict::Wait
            && let Some(body) = self.bodies.get_mut(&id)
        {
            body.is_waiting = true;
            self.waiting += 1;
        }
        verdict
    }

    fn grow_small(&mut self, held: &mut Held, bytes: usize) -> bool {
        let more = bytes - held.small;
        let usage = self.holders.entry(held.holder.clone()).or_default();
        let is_free = self.total.small + more <= self.limits.small
            && usage.small + more <= self.limits.small / 2;
        if is_free {
            usage.small += more;
            self.total.small += more;
            held.small = bytes;
        } else if usage.is_empty() {
            self.holders.remove(&held.holder);
        }
        is_free
    }

    fn grow_rest(&mut self, id: BodyId, held: &mut Held, bytes: usize) -> Verdict {
        if bytes > BEFORE_TURN && !self.takes_turn(id, held) {
            return Verdict::Wait;
        }
        let more = bytes - held.rest;
        let usage = self.holders.entry(held.holder.clone()).or_default();
        if usage.rest + more > self.limits.rest_of_holder {
            return self.make_room(id, Rivals::OfHolder);
        }
        if self.total.rest + more > self.limits.rest {
            return self.make_room(id, Rivals::All);
        }
        usage.rest += more;
        self.total.rest += more;
        held.rest = bytes;
        // What it had as a small body is part of that.
        usage.small -= held.small;
        self.total.small -= held.small;
        held.small = 0;
        if let Some(body) = self.bodies.get_mut(&id) {
            body.rest = bytes;
        }
        Verdict::Granted
    }

    /// Whether the body is on turn: with everything that complete bodies have and other bodies on turn have
    /// announced, it fits, among those of its holder and among all.
    fn takes_turn(&mut self, id: BodyId, held: &Held) -> bool {
        let wanted = self.next_number();
        let Some(body) = self.bodies.get_mut(&id) else {
            return false;
        };
        if body.turn_since.is_some() {
            return true;
        }
        let wanted = *body.turn_wanted.get_or_insert(wanted);
        let of_holder = || self.bodies.values().filter(|other| other.holder == held.holder);
        let is_first = !of_holder().any(|other| {
            other.turn_since.is_none() && other.turn_wanted.is_some_and(|other| other < wanted)
        });
        let complete = self.holders.get(&held.holder).map_or(0, |usage| usage.complete);
        let fits = |taken: usize, max| taken == 0 || taken + held.announced <= max;
        let takes_turn = is_first
            && fits(complete + on_turn(of_holder()), self.limits.rest_of_holder)
            && fits(self.total.complete + on_turn(self.bodies.values()), self.limits.rest);
        if takes_turn && let Some(body) = self.bodies.get_mut(&id) {
            body.turn_since = Some(clock::monotonic());
        }
        takes_turn
    }

    /// Evicts a junior rival, unless memory will be released anyway: by a complete body, which needs no more
    /// of it, or by one that was evicted before. The most senior body is never evicted, so it gets all it needs.
    fn make_room(&mut self, id: BodyId, rivals: Rivals) -> Verdict {
        let Some(body) = self.bodies.get(&id) else {
            return Verdict::Wait;
        };
        let usage_of =
            |holder: &ShareHolder| self.holders.get(holder).map_or(0, |usage| usage.rest);
        let complete = match rivals {
            Rivals::OfHolder => self.holders.get(&body.holder).map_or(0, |usage| usage.complete),
            Rivals::All => self.total.complete,
        };
        let is_rival = |(_, other): &(&BodyId, &Body)| match rivals {
            Rivals::OfHolder => other.holder == body.holder && other.rest > 0,
            Rivals::All => other.rest > 0,
        };
        let mut with_memory = self.bodies.iter().filter(is_rival);
        if complete > 0 || with_memory.any(|(_, other)| other.is_evicted) {
            return Verdict::Wait;
        }
        let own = body.seniority(id);
        // Of those not on turn, if there are any, and of the holder that uses most.
        let victim = (self.bodies.iter().filter(is_rival))
            .filter(|(id, other)| other.seniority(**id) > own)
            .max_by_key(|(id, other)| {
                (other.turn_since.is_none(), usage_of(&other.holder), other.seniority(**id))
            });
        if let Some(victim) = victim.map(|(victim, _)| *victim)
            && let Some(body) = self.bodies.get_mut(&victim)
        {
            body.is_evicted = true;
            body.wake.notify_one();
        }
        Verdict::Wait
    }

    pub(super) fn is_evicted(&self, held: &Held) -> bool {
        held.id.and_then(|id| self.bodies.get(&id)).is_some_and(|body| body.is_evicted)
    }

    /// Marks a body as complete, unless it was evicted.
    pub(super) fn complete(&mut self, held: &mut Held) -> bool {
        if self.is_evicted(held) {
            return false;
        }
        self.forget(held);
        held.is_complete = true;
        if held.rest > 0 {
            self.total.complete += held.rest;
            self.holders.entry(held.holder.clone()).or_default().complete += held.rest;
            self.wake_waiting();
        }
        true
    }

    /// Releases everything that a body holds.
    pub(super) fn release(&mut self, held: &mut Held) {
        self.forget(held);
        let complete = if held.is_complete { held.rest } else { 0 };
        if let Some(usage) = self.holders.get_mut(&held.holder) {
            usage.small -= held.small;
            usage.rest -= held.rest;
            usage.complete -= complete;
            if usage.is_empty() {
                self.holders.remove(&held.holder);
            }
        }
        self.total.small -= held.small;
        self.total.rest -= held.rest;
        self.total.complete -= complete;
        self.wake_waiting();
    }

    /// Removes the entry of a body that needs no more memory.
    fn forget(&mut self, held: &mut Held) {
        let Some(body) = held.id.take().and_then(|id| self.bodies.remove(&id)) else {
            return;
        };
        self.waiting -= usize::from(body.is_waiting);
    }

    fn wake_waiting(&self) {
        if self.waiting > 0 {
            self.bodies.values().filter(|body| body.is_waiting).for_each(|body| {
                body.wake.notify_one();
            });
        }
    }

    fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// What the bodies on turn have announced.
fn on_turn<'a>(bodies: impl Iterator<Item = &'a Body>) -> usize {
    let is_on_turn = |since: Instant| clock::monotonic().duration_since(since) < TURN;
    bodies.filter(|body| body.turn_since.is_some_and(is_on_turn)).map(|body| body.announced).sum()
}
