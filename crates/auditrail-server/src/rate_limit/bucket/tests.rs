//! Buckets, with explicit times.

use std::num::NonZeroU32;

use super::*;

fn budget(amount: u32, window_seconds: u32) -> Budget {
    Budget::new(NonZeroU32::new(amount).unwrap(), NonZeroU32::new(window_seconds).unwrap())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn start() -> Instant {
    Instant::now()
}

#[test]
fn a_full_bucket_can_be_used_at_once() {
    for (amount, window) in [(1, 1), (3, 1), (7, 60), (600_000, 60)] {
        let (buckets, now) = (Buckets::new(budget(amount, window), 10), start());
        for remaining in (0..amount).rev() {
            assert_eq!(buckets.admit("a", now).unwrap().0, remaining, "{amount} in {window}");
        }
        let empty = buckets.admit("a", now).unwrap_err();
        assert!(empty.until_available <= empty.until_full + Duration::from_nanos(1));
        assert!(!empty.until_available.is_zero());
        assert!(empty.until_full <= seconds(window.into()));
    }
}

#[test]
fn a_bucket_refills_up_to_its_capacity() {
    let (buckets, now) = (Buckets::new(budget(10, 10), 10), start());
    for _ in 0..10 {
        buckets.admit("a", now).unwrap();
    }
    let empty = buckets.admit("a", now).unwrap_err();
    assert!(buckets.admit("a", now + empty.until_available - Duration::from_nanos(2)).is_err());
    assert_eq!(buckets.admit("a", now + empty.until_available).unwrap().0, 0);
    let later = now + seconds(1_000);
    assert_eq!(buckets.admit("a", later).unwrap(), (9, seconds(1)));
}

#[test]
fn an_overdraft_refills_before_the_next_admission() {
    let (buckets, now) = (Buckets::new(budget(10, 10), 10), start());
    buckets.admit("a", now).unwrap();
    assert_eq!(buckets.charge_overdraft("a", 99, now), (0, seconds(100)));
    assert!(buckets.admit("a", now + seconds(90)).is_err());
    assert_eq!(buckets.admit("a", now + seconds(91)).unwrap().0, 0);
}

#[test]
fn keys_do_not_share() {
    let (buckets, now) = (Buckets::new(budget(1, 10), 10), start());
    buckets.admit("a", now).unwrap();
    assert!(buckets.admit("a", now).is_err());
    assert!(buckets.admit("b", now).is_ok());
}

#[test]
fn memory_is_bounded_and_heavy_users_stay_tracked() {
    let (buckets, now) = (Buckets::new(budget(10, 10), 3), start());
    for key in ["a", "b"] {
        buckets.admit(key, now).unwrap();
        buckets.charge_overdraft(key, 20, now);
    }
    for n in 0..100 {
        buckets.admit(&format!("other {n}"), now).unwrap();
        assert!(buckets.lock().len() <= 3);
    }
    assert!(buckets.admit("a", now).is_err() && buckets.admit("b", now).is_err());
    // Much later, full buckets are evicted.
    buckets.admit("new", now + seconds(1_000)).unwrap();
    assert_eq!(buckets.lock().len(), 1);
}

#[test]
fn the_largest_overdraft_does_not_overflow() {
    let (buckets, now) = (Buckets::new(budget(1, u32::MAX), 3), start());
    for _ in 0..100 {
        buckets.charge_overdraft("a", u32::MAX, now);
    }
    assert!(buckets.admit("a", now).is_err());
}

#[test]
fn cleanup_removes_full_buckets_only() {
    let (buckets, now) = (Buckets::new(budget(10, 10), 10), start());
    buckets.admit("a", now).unwrap();
    buckets.charge_overdraft("b", 20, now);
    buckets.remove_full(now + seconds(5));
    assert_eq!(buckets.lock().keys().map(|key| &**key).collect::<Vec<_>>(), ["b"]);
}
