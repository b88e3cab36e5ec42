//! Measures the group-commit writer against plain COPY into the same table.
//!
//! ```text
//! AUDITRAIL_TEST_URL=postgres://… cargo run --release -p auditrail-store --example group_commit
//! ```
//!
//! Each run gets a fresh database with every index. The runs take turns, because the speed of a
//! shared machine drifts, and the median of each counts. The URL names a server that holds nothing of
//! value. One that runs without fsync, as the tests' own does, tells nothing about single writes.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::error::Error;
use std::time::Duration;

use auditrail_core::{Action, Actor, CreateInput, ProvidedFields, Record, RecordId, RecordTime};
use auditrail_store::{BulkWriter, GroupWriter, OnConflict, WriteRequest, WriterLimits};
use auditrail_testkit::TestDb;
use tokio::task::JoinSet;
use tokio::time::Instant;

const ROUNDS: usize = 3;
/// Records of a run that sends batches.
const BATCHED: u32 = 100_000;
const BATCH: usize = 1_000;
/// Single writes of a run, for each concurrent caller.
const SINGLES: u32 = 300;
const CALLERS: [u32; 3] = [1, 16, 64];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut rates: [Vec<f64>; 6] = Default::default();
    for _ in 0..ROUNDS {
        for (kind, rate) in rates.iter_mut().enumerate() {
            let db = TestDb::migrated().await;
            rate.push(match kind {
                0 => copy(&db).await?,
                1 => batches(&db, 1).await?,
                2 => batches(&db, 4).await?,
                _ => singles(&db, CALLERS[kind - 3]).await?,
            });
        }
    }
    let names = [
        "COPY, 1,000 a transaction",
        "batches of 1,000, 1 caller",
        "batches of 1,000, 4 callers",
        "single writes, 1 caller",
        "single writes, 16 callers",
        "single writes, 64 callers",
    ];
    let base = median(&mut rates[0]);
    for (name, rate) in names.iter().zip(&mut rates) {
        let rate = median(rate);
        println!("{name:28} {rate:8.0} records/s  {:.2} of COPY", rate / base);
    }
    Ok(())
}

/// One connection that copies chunk by chunk, the same as an import.
async fn copy(db: &TestDb) -> Result<f64, Box<dyn Error>> {
    let records: Vec<Record> = (0..BATCHED).map(record).collect();
    let mut writer = BulkWriter::connect(&db.app()).await?;
    let start = Instant::now();
    for chunk in records.chunks(BATCH) {
        writer.write(chunk).await?;
    }
    Ok(f64::from(BATCHED) / start.elapsed().as_secs_f64())
}

async fn batches(db: &TestDb, callers: usize) -> Result<f64, Box<dyn Error>> {
    let records: Vec<Record> = (0..BATCHED).map(record).collect();
    let share = records.len() / callers;
    let requests = records.chunks(share).map(|records| {
        let request = |records: &[Record]| {
            WriteRequest::new(
                records.to_vec(),
                vec![ProvidedFields::ALL; records.len()],
                OnConflict::Refuse,
            )
        };
        records.chunks(BATCH).map(request).collect()
    });
    let took = run(db, requests.collect()).await?;
    Ok(f64::from(BATCHED) / took.as_secs_f64())
}

async fn singles(db: &TestDb, callers: u32) -> Result<f64, Box<dyn Error>> {
    let requests = (0..callers).map(|caller| {
        let numbers = caller * SINGLES..(caller + 1) * SINGLES;
        numbers.map(|n| WriteRequest::one(record(n), ProvidedFields::ALL)).collect()
    });
    let took = run(db, requests.collect()).await?;
    Ok(f64::from(callers * SINGLES) / took.as_secs_f64())
}

/// Lets each caller write its requests one after the other.
async fn run(db: &TestDb, callers: Vec<Vec<WriteRequest>>) -> Result<Duration, Box<dyn Error>> {
    let writer = GroupWriter::start(db.app(), WriterLimits::default());
    let start = Instant::now();
    let deadline = start + Duration::from_secs(600);
    let mut tasks = JoinSet::new();
    for requests in callers {
        let writer = writer.clone();
        tasks.spawn(async move {
            for request in requests {
                writer.write(request, deadline).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let took = start.elapsed();
    writer.close(Duration::from_secs(10)).await?;
    Ok(took)
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_unstable_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// About 300 bytes, like a record of a control plane; ids in the order of time.
fn record(n: u32) -> Record {
    let time = RecordTime::from_unix_micros(1_767_225_600_000_000 + i64::from(n) * 13_000).unwrap();
    let mut random = [0; 10];
    random[6..].copy_from_slice(&n.wrapping_mul(2_654_435_761).to_be_bytes());
    let metadata = format!(
        r#"{{"plan":"pro","region":"eu-west-1","changes":{{"quota":{n},"label":"batch"}},"trace":"{n:032x}"}}"#
    );
    let target = format!("project:prj_{:06}", n.wrapping_mul(7_919) % 20_000);
    let actor = Actor::user(&format!("user_{:05}", n.wrapping_mul(104_729) % 2_000)).unwrap();
    CreateInput::new(actor, Action::ProjectUpdated, target.parse().unwrap())
        .with_metadata(metadata.parse().unwrap())
        .with_tenant(format!("tenant-{}", n % 40).parse().unwrap())
        .into_record(RecordId::from_parts(time.timestamp(), random), time)
}
