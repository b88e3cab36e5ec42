//! Whatever happens in whatever order: every record is counted once, and what is in memory is known.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Something that can happen to a ledger. Numbers choose among what is there.
#[derive(Clone, Copy, Debug)]
enum Step {
    Accept(usize, FailurePolicy),
    TooLarge(FailurePolicy),
    NotAdmitted(FailurePolicy),
    Batch(FailurePolicy, usize),
    Acknowledge(FailurePolicy, u64),
    Refuse(FailurePolicy),
    PutBack(FailurePolicy),
    Spooled,
    Unspooled,
    Gone,
    Expire,
    End,
}

fn lane() -> impl Strategy<Value = FailurePolicy> {
    prop_oneof![Just(FailurePolicy::Must), Just(FailurePolicy::BestEffort)]
}

fn policy() -> impl Strategy<Value = FailurePolicy> {
    prop_oneof![lane(), Just(FailurePolicy::Spool)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (1..40_usize, policy()).prop_map(|(bytes, policy)| Step::Accept(bytes, policy)),
        1 => policy().prop_map(Step::TooLarge),
        1 => policy().prop_map(Step::NotAdmitted),
        4 => (lane(), 1..5_usize).prop_map(|(lane, records)| Step::Batch(lane, records)),
        2 => (lane(), 0..3_u64).prop_map(|(lane, duplicates)| Step::Acknowledge(lane, duplicates)),
        1 => lane().prop_map(Step::Refuse),
        2 => lane().prop_map(Step::PutBack),
        2 => Just(Step::Spooled),
        1 => Just(Step::Unspooled),
        1 => Just(Step::Gone),
        1 => Just(Step::Expire),
        1 => Just(Step::End),
    ]
}

/// A ledger with what a recorder would know beside it.
struct World {
    ledger: Ledger,
    under_way: [Vec<Ticket>; 2],
    spooling: Vec<Ticket>,
    hearings: Vec<(FailurePolicy, Hearing)>,
}

const MAX_RECORDS: usize = 6;
const MAX_BYTES: usize = 100;

impl World {
    fn new() -> Self {
        let config = RecorderConfig::new()
            .queue_max_records(MAX_RECORDS)
            .queue_max_bytes(MAX_BYTES)
            .must_timeout(Duration::from_secs(1));
        let (under_way, spooling, hearings) = Default::default();
        Self { ledger: Ledger::new(&config), under_way, spooling, hearings }
    }

    fn under_way(&mut self, lane: FailurePolicy) -> &mut Vec<Ticket> {
        &mut self.under_way[usize::from(lane == FailurePolicy::Must)]
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Accept(bytes, policy) => {
                let text = Bytes::from(vec![b'x'; bytes]);
                if let Ok((ticket, hearing)) = self.ledger.accept(Ok(text), policy, |_| Ok(())) {
                    self.hearings.push((policy, hearing));
                    if policy == FailurePolicy::Spool {
                        self.spooling.push(ticket);
                    }
                }
            }
            Step::TooLarge(policy) => {
                let refused = Err(RecordError::TooLarge { bytes: 2, max: 1 });
                assert!(self.ledger.accept(refused, policy, |_| Ok(())).is_err());
            }
            Step::NotAdmitted(policy) => {
                let text = Ok(Bytes::from_static(b"x"));
                let refused = self.ledger.accept(text, policy, |_| Err(RecordError::NoSpool));
                assert!(refused.is_err());
            }
            Step::Batch(lane, records) => {
                let batch = self.ledger.batch(lane, records, MAX_BYTES);
                let tickets = batch.into_iter().map(|(ticket, _)| ticket);
                self.under_way(lane).extend(tickets);
            }
            Step::Acknowledge(lane, duplicates) => {
                let tickets = std::mem::take(self.under_way(lane));
                self.ledger.acknowledge(lane, &tickets, duplicates);
            }
            Step::Refuse(lane) => {
                let refused = |ticket| {
                    let (code, detail) = ("x".to_owned(), String::new());
                    (ticket, RecordError::Refused { code, detail, errors: Vec::new() })
                };
                let tickets = std::mem::take(self.under_way(lane));
                self.ledger.fail(lane, tickets.into_iter().map(refused).collect());
            }
            Step::PutBack(lane) => {
                let tickets = std::mem::take(self.under_way(lane));
                self.ledger.put_back(lane, &tickets);
            }
            Step::Spooled => self.ledger.spooled(&std::mem::take(&mut self.spooling)),
            Step::Unspooled => {
                let full = RecordError::SpoolFull { detail: String::new() };
                self.ledger.unspooled(&std::mem::take(&mut self.spooling), &full);
            }
            Step::Gone => {
                self.spooling.clear();
                self.ledger.unspooled_all(&RecordError::SpoolFailed { detail: String::new() });
            }
            Step::Expire => {
                let late = clock::monotonic() + Duration::from_secs(60);
                assert_eq!(self.ledger.expire(late, None), None, "all of must are over time");
            }
            Step::End => self.ledger.end(),
        }
    }

    fn check(&self) {
        let stats = self.ledger.stats();
        let settled = stats.delivered() + stats.failed();
        assert_eq!(stats.accepted + stats.recovered, settled + stats.pending, "{stats:?}");
        // What is pending is in memory, or in the spool, which here is never emptied.
        assert_eq!(stats.pending, stats.queued_records + stats.spooled, "{stats:?}");
        assert!(stats.queued_records <= MAX_RECORDS as u64, "{stats:?}");
        assert!(stats.queued_bytes <= MAX_BYTES as u64, "{stats:?}");
    }
}

proptest! {
    #[test]
    fn every_record_is_counted_once_and_its_caller_told_once(steps in vec(step(), 0..80)) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
            world.check();
        }
        world.ledger.end();
        world.take(Step::Spooled);
        world.ledger.end_spooling();
        world.check();
        let stats = world.ledger.stats();
        prop_assert_eq!((stats.queued_records, stats.queued_bytes), (0, 0));
        prop_assert_eq!(stats.pending, stats.spooled);
        let (mut vouched, mut displaced) = (0, 0);
        for (policy, mut hearing) in world.hearings {
            match hearing.try_recv() {
                Ok(heard) => vouched += u64::from(heard.is_ok()),
                // Whose caller was answered long ago, and only then.
                Err(_) => {
                    prop_assert_eq!(policy, FailurePolicy::BestEffort);
                    displaced += 1;
                }
            }
        }
        let counted = stats.dropped.get(&DropReason::Displaced).copied();
        prop_assert_eq!(displaced, counted.unwrap_or(0));
        prop_assert_eq!(vouched, stats.delivered() + stats.spooled);
    }
}
