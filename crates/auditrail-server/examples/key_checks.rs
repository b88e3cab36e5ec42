//! Measures what checking keys in the database costs, by how many requests come at once.
//!
//! `cargo run --release -p auditrail-server --example key_checks`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement for people")]

use std::time::{Duration, Instant};

use auditrail_core::{Actor, KeyEnv, NewKey, RequestContext, Scope};
use auditrail_server::{Authenticator, StoredKeys};
use auditrail_store::PgKeys;
use auditrail_testkit::TestDb;

/// How long to measure each line.
const EACH: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() {
    let db = TestDb::migrated().await;
    let keys = PgKeys::new(db.pool(db.service()).await);
    let new = NewKey {
        env: KeyEnv::default(),
        name: None,
        scopes: Scope::Write.into(),
        tenant_id: None,
        expires_at: None,
    };
    let issued = keys.create(&new, &Actor::system(), &RequestContext::default()).await.unwrap();
    println!("at once | checks/s | statements/s | mean µs a check");
    for at_once in [1_u32, 4, 16, 64, 256, 900] {
        let stored = StoredKeys::new(keys.clone());
        let started = Instant::now();
        let callers = (0..at_once).map(|_| {
            let (stored, token) = (stored.clone(), issued.secret.expose().to_owned());
            tokio::spawn(async move {
                let mut done = 0_u32;
                while started.elapsed() < EACH {
                    stored.authenticate(&token).await.unwrap();
                    done += 1;
                }
                done
            })
        });
        let mut done = 0;
        for caller in callers.collect::<Vec<_>>() {
            done += caller.await.unwrap();
        }
        let seconds = started.elapsed().as_secs_f64();
        let rate = f64::from(done) / seconds;
        let statements = f64::from(u32::try_from(stored.lookups()).unwrap()) / seconds;
        let mean = f64::from(at_once) / rate * 1e6;
        println!("{at_once:>7} | {rate:>8.0} | {statements:>12.0} | {mean:>8.0}");
    }
}
