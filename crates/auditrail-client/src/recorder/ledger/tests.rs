//! Property test: in any order of events each record is counted once and the memory in use is
//! exact.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// An operation on a ledger. Numbers select among the existing records.
#[derive(Clone, Copy, Debug)]
enum Step {
    Accept(usize, FailurePolicy),
    TooLarge(FailurePolicy),
    NotReserved(FailurePolicy),
    Batch(FailurePolicy, usize),
    Acknowledge(FailurePolicy, u64),
    Refuse(FailurePolicy),
    Requeue(FailurePolicy),
    Spooled,
    SpoolFailed,
    WorkerPanicked,
    Expire,
    Stop,
}

fn queued_policy() -> impl Strategy<Value = FailurePolicy> {
    prop_oneof![Just(FailurePolicy::Must), Just(FailurePolicy::BestEffort)]
}

fn policy() -> impl Strategy<Value = FailurePolicy> {
    prop_oneof![queued_policy(), Just(FailurePolicy::Spool)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (1..40_usize, policy()).prop_map(|(bytes, policy)| Step::Accept(bytes, policy)),
        1 => policy().prop_map(Step::TooLarge),
        1 => policy().prop_map(Step::NotReserved),
        4 => (queued_policy(), 1..5_usize).prop_map(|(policy, records)| Step::Batch(policy, records)),
        2 => (queued_policy(), 0..3_u64).prop_map(|(policy, duplicates)| Step::Acknowledge(policy, duplicates)),
        1 => queued_policy().prop_map(Step::Refuse),
        2 => queued_policy().prop_map(Step::Requeue),
        2 => Just(Step::Spooled),
        1 => Just(Step::SpoolFailed),
        1 => Just(Step::WorkerPanicked),
        1 => Just(Step::Expire),
        1 => Just(Step::Stop),
    ]
}

/// A ledger with the tickets that a recorder holds.
struct World {
    ledger: Ledger,
    in_flight: [Vec<Ticket>; 2],
    spooling: Vec<Ticket>,
    receivers: Vec<(FailurePolicy, OutcomeReceiver)>,
}

const MAX_RECORDS: usize = 6;
const MAX_BYTES: usize = 100;

impl World {
    fn new() -> Self {
        let config = RecorderConfig::new()
            .queue_max_records(MAX_RECORDS)
            .queue_max_bytes(MAX_BYTES)
            .must_timeout(Duration::from_secs(1));
        Self {
            ledger: Ledger::new(&config),
            in_flight: Default::default(),
            spooling: Vec::new(),
            receivers: Vec::new(),
        }
    }

    fn in_flight(&mut self, policy: FailurePolicy) -> &mut Vec<Ticket> {
        &mut self.in_flight[usize::from(policy == FailurePolicy::Must)]
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Accept(bytes, policy) => {
                let entry = Entry { text: Bytes::from(vec![b'x'; bytes]), is_stamped: false };
                if let Ok((ticket, receiver)) = self.ledger.accept(Ok(entry), policy, |_| Ok(())) {
                    self.receivers.push((policy, receiver));
                    if policy == FailurePolicy::Spool {
                        self.spooling.push(ticket);
                    }
                }
            }
            Step::TooLarge(policy) => {
                let refused = Err(RecordError::TooLarge { bytes: 2, max: 1 }.into());
                assert!(self.ledger.accept(refused, policy, |_| Ok(())).is_err());
            }
            Step::NotReserved(policy) => {
                let entry = Ok(Entry::default());
                let rejected = self.ledger.accept(entry, policy, |_| Err(RecordError::NoSpool));
                assert!(rejected.is_err());
            }
            Step::Batch(policy, records) => {
                let batch = self.ledger.batch(policy, records, MAX_BYTES);
                let tickets = batch.into_iter().map(|(ticket, _)| ticket);
                self.in_flight(policy).extend(tickets);
            }
            Step::Acknowledge(policy, duplicates) => {
                let tickets = std::mem::take(self.in_flight(policy));
                self.ledger.acknowledge(policy, &tickets, duplicates);
            }
            Step::Refuse(policy) => {
                let refused = |ticket| {
                    let error = RecordError::Refused {
                        code: "x".to_owned(),
                        detail: String::new(),
                        errors: Vec::new(),
                    };
                    (ticket, error)
                };
                let tickets = std::mem::take(self.in_flight(policy));
                self.ledger.fail(policy, tickets.into_iter().map(refused).collect());
            }
            Step::Requeue(policy) => {
                let tickets = std::mem::take(self.in_flight(policy));
                self.ledger.requeue(policy, &tickets);
            }
            Step::Spooled => self.ledger.spooled(&std::mem::take(&mut self.spooling)),
            Step::SpoolFailed => {
                let full = RecordError::SpoolFull { detail: String::new() };
                self.ledger.spool_failed(&std::mem::take(&mut self.spooling), &full);
            }
            Step::WorkerPanicked => {
                self.spooling.clear();
                self.ledger
                    .spool_failed_for_all(&RecordError::SpoolFailed { detail: String::new() });
            }
            Step::Expire => {
                let late = clock::monotonic() + Duration::from_secs(60);
                assert_eq!(self.ledger.expire(late, None), None, "all `must` records have expired");
            }
            Step::Stop => self.ledger.stop(),
        }
    }

    fn check(&self) {
        let stats = self.ledger.stats();
        let settled = stats.delivered() + stats.failed();
        assert_eq!(stats.accepted + stats.recovered, settled + stats.pending, "{stats:?}");
        // Pending records are in memory or in the spool, which this test never empties.
        assert_eq!(stats.pending, stats.queued_records + stats.spooled, "{stats:?}");
        assert!(stats.queued_records <= MAX_RECORDS as u64, "{stats:?}");
        assert!(stats.queued_bytes <= MAX_BYTES as u64, "{stats:?}");
    }
}

proptest! {
    #[test]
    fn every_record_is_counted_once_and_every_future_completes_once(steps in vec(step(), 0..80)) {
        let mut world = World::new();
        for step in steps {
            world.apply(step);
            world.check();
        }
        world.ledger.stop();
        world.apply(Step::Spooled);
        world.ledger.stop_spooling();
        world.check();
        let stats = world.ledger.stats();
        prop_assert_eq!((stats.queued_records, stats.queued_bytes), (0, 0));
        prop_assert_eq!(stats.pending, stats.spooled);
        let mut durable = 0;
        let mut displaced = 0;
        for (policy, mut receiver) in world.receivers {
            match receiver.try_recv() {
                Ok(outcome) => durable += u64::from(outcome.is_ok()),
                // Evicted: only `best_effort`, whose callers do not wait.
                Err(_) => {
                    prop_assert_eq!(policy, FailurePolicy::BestEffort);
                    displaced += 1;
                }
            }
        }
        let counted = stats.dropped.get(&DropReason::Displaced).copied();
        prop_assert_eq!(displaced, counted.unwrap_or(0));
        prop_assert_eq!(durable, stats.delivered() + stats.spooled);
    }
}
