//! Measures the import against `psql \copy` of the same rows into the same table.
//!
//! ```text
//! AUDITRAIL_TEST_URL=postgres://… cargo run --release -p auditrail-store --example import_speed
//! ```
//!
//! Each run gets a fresh database with every index. The runs take turns, because the speed of a
//! shared machine drifts, and the median of each counts. The URL names a server that holds nothing
//! of value; psql reads text that psql wrote.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on has failed"
)]
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::error::Error;
use std::process::Command;
use std::time::{Duration, Instant};

use auditrail_core::{Action, Actor, CreateInput, Record, RecordId, RecordTime, RequestContext};
use auditrail_store::BulkWriter;
use auditrail_testkit::TestDb;

const ROWS: u32 = 200_000;
const ROUNDS: usize = 5;
const COLUMNS: &str = "id, actor_id, actor_type, action, target_type, target_id, metadata, \
                       ip_address, user_agent, created_at, tenant_id, request_id";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let records: Vec<_> = (0..ROWS).map(record).collect();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("rows.tsv");
    let db = TestDb::migrated().await;
    import(&db, &records, 5_000, 1).await?;
    psql(
        &db,
        &format!(
            "\\copy (select {COLUMNS} from control_plane.audit_logs order by id) to '{}'",
            file.display()
        ),
    );

    let mut times: [Vec<Duration>; 4] = Default::default();
    for _ in 0..ROUNDS {
        for (kind, took) in times.iter_mut().enumerate() {
            let db = TestDb::migrated().await;
            took.push(match kind {
                0 => {
                    let copy = format!(
                        "\\copy control_plane.audit_logs ({COLUMNS}) from '{}'",
                        file.display()
                    );
                    let start = Instant::now();
                    psql(&db, &copy);
                    start.elapsed()
                }
                1 => import(&db, &records, 1_000, 1).await?,
                2 => import(&db, &records, 5_000, 1).await?,
                _ => import(&db, &records, 5_000, 2).await?,
            });
        }
    }
    let names = [
        "psql \\copy",
        "import, 1,000 a chunk",
        "import, 5,000 a chunk",
        "a second import",
    ];
    let base = median(&mut times[0]);
    for (name, took) in names.iter().zip(&mut times) {
        let took = median(took).as_secs_f64();
        println!(
            "{name:24} {:8.0} rows/s  {:.2} of psql",
            f64::from(ROWS) / took,
            base.as_secs_f64() / took
        );
    }
    Ok(())
}

/// How long the last of `times` imports of all records takes.
async fn import(
    db: &TestDb,
    records: &[Record],
    chunk: usize,
    times: usize,
) -> Result<Duration, Box<dyn Error>> {
    let mut took = Duration::ZERO;
    for _ in 0..times {
        let start = Instant::now();
        let mut writer = BulkWriter::connect(&db.app()).await?;
        for chunk in records.chunks(chunk) {
            writer.write(chunk).await?;
        }
        writer.close().await?;
        took = start.elapsed();
    }
    Ok(took)
}

fn psql(db: &TestDb, command: &str) {
    let url = db.url(&db.app());
    let done = Command::new("psql")
        .args(["-qX", &url, "-c", command])
        .status();
    assert!(done.unwrap().success(), "psql failed");
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// About 370 bytes, like a record of a control plane; ids and values in the order of time.
fn record(n: u32) -> Record {
    let time = RecordTime::from_unix_micros(1_767_225_600_000_000 + i64::from(n) * 13_000).unwrap();
    let mut random = [0; 10];
    random[6..].copy_from_slice(&n.wrapping_mul(2_654_435_761).to_be_bytes());
    let metadata = format!(
        r#"{{"plan":"pro","region":"eu-west-1","changes":{{"quota":{n},"label":"batch"}},"source":"console","trace":"{n:032x}"}}"#
    );
    let context = RequestContext {
        ip_address: Some(std::net::Ipv4Addr::from(0x0a00_0000 + n % 65_536).into()),
        user_agent: Some(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"
                .parse()
                .unwrap(),
        ),
        request_id: Some(format!("req-{n:08x}").parse().unwrap()),
    };
    let target = format!("project:prj_{:06}", n.wrapping_mul(7_919) % 20_000);
    let actor = Actor::user(&format!("user_{:05}", n.wrapping_mul(104_729) % 2_000)).unwrap();
    CreateInput::new(actor, Action::ProjectUpdated, target.parse().unwrap())
        .with_metadata(metadata.parse().unwrap())
        .with_context(context)
        .with_tenant(format!("tenant-{}", n % 40).parse().unwrap())
        .into_record(RecordId::from_parts(time.timestamp(), random), time)
}
