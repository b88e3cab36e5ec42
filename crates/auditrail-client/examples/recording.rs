//! A process that records until it is killed, for the tests: `recording URL SPOOL NAME COUNT`, with the key
//! in `AUDITRAIL_KEY`. It says on its standard output what it was told.
//!
//! - `open` once the recorder is open, and `settled` once everything is delivered;
//! - `taken NAME-N-POLICY` before it waits for a record, `vouched NAME-N-POLICY` after `must` or `spool`
//!   vouched for it.
//!
//! With `flood` in place of `NAME` it takes on so many records of `best_effort` and `spool` without waiting, as
//! a busy application does, and says what its memory was before and at most, in KiB, and the counts.
#![expect(clippy::print_stdout, reason = "what it says is what the tests read")]

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
        let mut waiting = Vec::new();
        for policy in FailurePolicy::ALL {
            let target = format!("{name}-{n}-{policy}");
            println!("taken {target}");
            waiting.push((policy, recorder.submit(input(&target)?, Some(policy)), target));
        }
        for (policy, taken, target) in waiting {
            taken.await?;
            if policy != FailurePolicy::BestEffort {
                println!("vouched {target}");
            }
        }
    }
    recorder.flush(Duration::from_secs(120)).await;
    println!("settled");
    // Until it is killed.
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
    let before = memory("VmRSS:")?;
    for n in 0..count {
        let policy = [FailurePolicy::BestEffort, FailurePolicy::Spool][n % 2];
        drop(recorder.submit(input.clone(), Some(policy)));
    }
    let stats = recorder.stats();
    let closed = recorder.close(Duration::ZERO).await;
    let after = recorder.stats();
    println!("memory {before} {}", memory("VmHWM:")?);
    println!("queued {} {}", stats.queued_records, stats.queued_bytes);
    println!("accepted {}", after.accepted);
    println!("dropped {}", after.dropped_total());
    println!("kept {} {}", closed.pending, after.spool_bytes);
    Ok(())
}

/// A line of the kernel's account of this process, in KiB; 0 where there is none.
fn memory(name: &str) -> Result<u64> {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return Ok(0);
    };
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
