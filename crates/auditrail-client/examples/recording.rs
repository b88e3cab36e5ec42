//! Test fixture: records until it is killed. Usage: `recording URL SPOOL NAME COUNT`, with the API
//! key in `AUDITRAIL_KEY`. It prints its progress:
//!
//! - `open` once the recorder is open, and `settled` once all records are delivered;
//! - `submitted NAME-N-POLICY` before it waits for a record, `durable NAME-N-POLICY` after a `must`
//!   or `spool` record succeeded.
//!
//! With `flood` as `NAME` it submits that many `best_effort` and `spool` records without waiting,
//! as a busy application does, and prints its memory before and at the peak, in KiB, and the
//! counters.
#![expect(clippy::print_stdout, reason = "the tests read its output")]

use std::error::Error;
use std::time::Duration;

use auditrail_client::{Client, Recorder, RecorderConfig};
use auditrail_core::{Action, Actor, CreateInput, FailurePolicy, RecordSink};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, spool, name, count] = arguments.as_slice() else {
        return Err("usage: recording URL SPOOL NAME COUNT".into());
    };
    let key = std::env::var("AUDITRAIL_KEY")?;
    let client = Client::builder(url).key(&key).build()?;
    let config = RecorderConfig::new()
        .spool(spool)
        .spool_max_bytes(8 * 1024 * 1024)
        .linger(Duration::from_millis(2))
        .retry(Duration::from_millis(1), Duration::from_millis(20));
    if name == "flood" {
        return flood(client, config, count.parse()?).await;
    }
    let recorder = Recorder::open(client, config.must_timeout(Duration::from_secs(120))).await?;
    println!("open");
    for n in 0..count.parse::<usize>()? {
        let mut pending = Vec::new();
        for policy in FailurePolicy::ALL {
            let target = format!("{name}-{n}-{policy}");
            println!("submitted {target}");
            pending.push((policy, recorder.submit(input(&target)?, Some(policy)), target));
        }
        for (policy, outcome, target) in pending {
            outcome.await?;
            if policy != FailurePolicy::BestEffort {
                println!("durable {target}");
            }
        }
    }
    recorder.flush(Duration::from_secs(120)).await;
    println!("settled");
    // Waits to be killed.
    std::future::pending().await
}

fn input(target: &str) -> Result<CreateInput> {
    let target = format!("project:{target}").parse()?;
    Ok(CreateInput::new(Actor::user("ana")?, Action::ProjectCreated, target))
}

async fn flood(client: Client, config: RecorderConfig, count: usize) -> Result<()> {
    let recorder = Recorder::open(client, config).await?;
    let metadata = format!(r#"{{"text":"{}"}}"#, "x".repeat(1_000)).parse()?;
    let input = input("p")?.with_metadata(metadata);
    let before = memory_kib("VmRSS:")?;
    for n in 0..count {
        let policy = [FailurePolicy::BestEffort, FailurePolicy::Spool][n % 2];
        drop(recorder.submit(input.clone(), Some(policy)));
    }
    let stats = recorder.stats();
    let closed = recorder.close(Duration::ZERO).await;
    let after = recorder.stats();
    println!("memory {before} {}", memory_kib("VmHWM:")?);
    println!("queued {} {}", stats.queued_records, stats.queued_bytes);
    println!("accepted {}", after.accepted);
    println!("dropped {}", after.dropped_total());
    println!("kept {} {}", closed.pending, after.spool_bytes);
    Ok(())
}

/// A value of `/proc/self/status` in KiB; 0 where that file does not exist.
fn memory_kib(name: &str) -> Result<u64> {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return Ok(0);
    };
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
