//! Waiting with a limit: the one place of this crate that polls.

use std::time::{Duration, Instant};

/// First pause between two looks. Most waits here end within a few milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// Longest pause between two looks: short against what a person notices, long against its cost.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Calls `look` until it finds something, fails, or `limit` is over.
///
/// `Ok(None)` means that the time is over. `look` is called at least once, and once more after
/// the limit, so a limit of zero is one look.
pub(crate) fn until<T, E>(
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let begun = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        let left = limit.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        sleep(pause.min(left));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "file locks, other programs' processes and a starting server offer nothing to block on with a time limit"
)]
fn sleep(pause: Duration) {
    std::thread::sleep(pause);
}
