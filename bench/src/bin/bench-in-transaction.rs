//! Times transactions that insert one row of business data and an audit record of it, for
//! `cargo xtask bench transaction`.
//!
//! ```text
//! bench-in-transaction URL SIDE CONNECTIONS WARM_UP_SECONDS SECONDS
//! ```
//!
//! SIDE is what writes the record: `auditrail`, `plain` (a hand-written INSERT into the same table) or `none`
//! (nothing, or a trigger on the business table). Each connection begins its next transaction after the
//! commit of the last one. Prints one JSON object, times in milliseconds.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};

use auditrail_core::{CreateInput, CursorKey};
use auditrail_sample::{DEFAULT_SEED, Sample, SampleRecord};
use auditrail_store::PgAuditLog;
use serde_json::json;
use sqlx::PgConnection;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Number of different records.
const RECORDS: u64 = 4_096;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Side {
    Auditrail,
    Plain,
    None,
}

/// The input of a record: its fields as text, as a program has them.
struct Input {
    record: SampleRecord,
    metadata: String,
    /// For Auditrail; parsing and validating it is part of the timed statement.
    json: String,
}

/// Milliseconds of whole transactions, and of the statement that writes the record.
#[derive(Default)]
struct Times {
    whole: Vec<f64>,
    trace: Vec<f64>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<_> = env::args().skip(1).collect();
    let [url, side, connections, warm_up, seconds] = args.as_slice() else {
        return Err("usage: URL SIDE CONNECTIONS WARM_UP_SECONDS SECONDS".into());
    };
    let side = match side.as_str() {
        "auditrail" => Side::Auditrail,
        "plain" => Side::Plain,
        "none" => Side::None,
        other => return Err(format!("`{other}` is not a side").into()),
    };
    let (connections, warm_up, seconds) =
        (connections.parse()?, warm_up.parse()?, seconds.parse()?);
    let pool = PgPoolOptions::new().max_connections(connections).connect(url).await?;
    let log = PgAuditLog::new(pool, CursorKey::public());
    let inputs: Arc<[Input]> = Sample::new(DEFAULT_SEED, RECORDS).iter().map(Input::of).collect();
    let from = Instant::now() + Duration::from_secs(warm_up);
    let until = from + Duration::from_secs(seconds);
    let mut writers = JoinSet::new();
    for number in 0..connections as usize {
        writers.spawn(write(log.clone(), side, Arc::clone(&inputs), number * 61, (from, until)));
    }
    let mut times = Times::default();
    for writer in writers.join_all().await {
        let Times { whole, trace } = writer?;
        times.whole.extend(whole);
        times.trace.extend(trace);
    }
    print(times);
    Ok(())
}

impl Input {
    fn of(record: SampleRecord) -> Self {
        let mut json = json!(record);
        let fields = json.as_object_mut().unwrap();
        fields.remove("id");
        fields.remove("created_at");
        Self { metadata: json!(record.metadata).to_string(), json: json.to_string(), record }
    }
}

async fn write(
    log: PgAuditLog,
    side: Side,
    inputs: Arc<[Input]>,
    first: usize,
    (from, until): (Instant, Instant),
) -> Result<Times> {
    let mut connection = log.pool().acquire().await?;
    let mut times = Times::default();
    for input in inputs.iter().cycle().skip(first % inputs.len()) {
        let start = Instant::now();
        if start >= until {
            break;
        }
        let mut tx = sqlx::Connection::begin(&mut *connection).await?;
        business(&mut tx, &input.record).await?;
        let before_record = Instant::now();
        match side {
            Side::Auditrail => {
                #[expect(clippy::disallowed_methods, reason = "a program, not a test")]
                let now = jiff::Timestamp::now();
                let record = CreateInput::from_json(input.json.as_bytes(), now)?;
                log.create_in(&mut tx, record).await.map(drop)?;
            }
            Side::Plain => plain(&mut tx, input).await?,
            Side::None => {}
        }
        let trace = before_record.elapsed();
        tx.commit().await?;
        if start >= from {
            times.whole.push(start.elapsed().as_secs_f64() * 1_000.0);
            times.trace.push(trace.as_secs_f64() * 1_000.0);
        }
    }
    Ok(times)
}

async fn business(db: &mut PgConnection, record: &SampleRecord) -> Result<()> {
    sqlx::query("insert into bench.projects (tenant_id, name, plan) values ($1, $2, $3)")
        .bind(record.tenant_id)
        .bind(&record.target_id)
        .bind(record.action)
        .execute(db)
        .await?;
    Ok(())
}

/// The hand-written INSERT: the database generates id and time.
async fn plain(db: &mut PgConnection, Input { record, metadata, json: _ }: &Input) -> Result<()> {
    sqlx::query(
        "insert into control_plane.audit_logs (actor_id, actor_type, action, target_type, target_id, \
         metadata, ip_address, user_agent, tenant_id, request_id) \
         values ($1, $2, $3, $4, $5, $6::text::jsonb, $7::text::inet, $8, $9, $10)",
    )
    .bind(&record.actor_id)
    .bind(record.actor_type)
    .bind(record.action)
    .bind(record.target_type)
    .bind(&record.target_id)
    .bind(metadata)
    .bind(&record.ip_address)
    .bind(&record.user_agent)
    .bind(record.tenant_id)
    .bind(&record.request_id)
    .execute(db)
    .await?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is small")]
fn print(Times { mut whole, trace }: Times) {
    whole.sort_by(f64::total_cmp);
    let mean = |times: &[f64]| times.iter().sum::<f64>() / times.len() as f64;
    let percentile = |share: f64| {
        let rank = (whole.len() as f64 * share).ceil() as usize;
        whole.get(rank.max(1) - 1)
    };
    println!(
        "{}",
        json!({
            "transactions": whole.len(),
            "mean": mean(&whole),
            "p50": percentile(0.5),
            "p99": percentile(0.99),
            "max": whole.last(),
            "trace": mean(&trace),
        })
    );
}
