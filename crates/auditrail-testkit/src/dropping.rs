//! Databases that are being dropped.

use std::cell::RefCell;
use std::io;
use std::thread::{self, JoinHandle};

use sqlx::postgres::PgConnectOptions;

use crate::db::{connect, run};

thread_local! {
    static DROPPING: Dropping = Dropping::default();
}

/// Those that a thread began to drop.
///
/// Waiting for that is left to the end of the thread, when the runtime of the test is gone: PostgreSQL
/// drops no database before each session that authenticates has got further or timed out, after a
/// minute, and the other end of such a session may be in a runtime that would wait here.
#[derive(Default)]
struct Dropping(RefCell<Vec<JoinHandle<io::Result<()>>>>);

/// Begins to drop a database; the thread that calls this does not end before that is done.
pub(crate) fn begin(admin: PgConnectOptions, name: String) {
    // A runtime of its own: that of the test may be at its end.
    let dropping = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut db = connect(&admin).await;
            run(&mut db, &format!("drop database if exists {name} with (force)")).await;
        });
        Ok(())
    });
    // Where the thread is at its end already, nothing waits.
    DROPPING.try_with(|begun| begun.0.borrow_mut().push(dropping)).unwrap_or_default();
}

impl Drop for Dropping {
    #[expect(
        clippy::print_stderr,
        reason = "a panic at the end of a thread would abort the process"
    )]
    fn drop(&mut self) {
        for dropping in self.0.take() {
            if !matches!(dropping.join(), Ok(Ok(()))) {
                eprintln!("a test database could not be dropped");
            }
        }
    }
}
