//! Polling with a timeout.

use std::time::{Duration, Instant};

/// First pause between two attempts. Most waits end within a few milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// Maximum pause between two attempts: too short to notice, too long to cost much.
const MAX_PAUSE: Duration = Duration::from_millis(50);

/// Calls `attempt` until it returns a value or an error, or `limit` has passed.
///
/// Returns `Ok(None)` after the timeout. `attempt` is called at least once, and once more after the limit.
pub(crate) fn until<T, E>(
    limit: Duration,
    mut attempt: impl FnMut() -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let started = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(value) = attempt()? {
            return Ok(Some(value));
        }
        let left = limit.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        sleep(pause.min(left));
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "file locks, other processes and a starting server offer no event to wait for with a timeout"
)]
fn sleep(pause: Duration) {
    std::thread::sleep(pause);
}
