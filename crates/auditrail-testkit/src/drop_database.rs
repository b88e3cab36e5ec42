//! Dropping test databases in the background.

use std::cell::RefCell;
use std::io;
use std::thread::{self, JoinHandle};

use sqlx::postgres::PgConnectOptions;

use crate::connection::{connect, run};

thread_local! {
    static PENDING: Pending = Pending::default();
}

/// The threads that drop databases of the current thread's tests; joined when that thread ends.
///
/// They are not joined earlier, because `drop database` waits for sessions that still authenticate, for
/// up to a minute, and the client of such a session may run in the runtime of the test, which has to make
/// progress meanwhile.
#[derive(Default)]
struct Pending(RefCell<Vec<JoinHandle<io::Result<()>>>>);

/// Drops a database in a thread, which the current thread joins before it ends.
pub(crate) fn spawn(admin: PgConnectOptions, name: String) {
    // A runtime of its own, because the runtime of the test may be shutting down.
    let handle = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut db = connect(&admin).await;
            run(&mut db, &format!("drop database if exists {name} with (force)")).await;
        });
        Ok(())
    });
    // While thread-local values are being destroyed, the handle is dropped and the thread not joined.
    PENDING.try_with(|pending| pending.0.borrow_mut().push(handle)).unwrap_or_default();
}

impl Drop for Pending {
    #[expect(
        clippy::print_stderr,
        reason = "a panic while thread-local values are destroyed aborts the process"
    )]
    fn drop(&mut self) {
        for handle in self.0.take() {
            if !matches!(handle.join(), Ok(Ok(()))) {
                eprintln!("a test database could not be dropped");
            }
        }
    }
}
