//! Measures searches for words by the index and without it, on repeated real records.
//!
//! ```sh
//! cargo run --release -p auditrail-store --example text_index -- ../shared/data 16
//! ```
//!
//! The arguments are the folder with `git-history.ndjson.gz` and `cloudtrail.ndjson.gz`, and how often their 62,900
//! records are repeated, each time later and with new commits. The records are written in the order of time, with
//! `UUIDv7`, a repetition in one transaction; the database is that of the tests, with one partition.
#![expect(clippy::print_stdout, reason = "a program that prints its figures")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement that cannot go on has failed"
)]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant};

use auditrail_core::words::{fold, words_of};
use auditrail_core::{Count, CursorKey, Query};
use auditrail_store::PgAuditLog;
use auditrail_store::sequencer::{Sequencer, Step};
use auditrail_store::text_index::{TextIndexStep, TextIndexer};
use auditrail_testkit::TestDb;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgConnection};

const RUNS: usize = 25;

const STAGE: &str = "create table public.base as
    select row_number() over (order by at, n) as n, b.at, b.e, b.is_trail, max(at) over () - min(at) over () as span,
           min(at) over () as first
      from (select n, e, is_trail, case when is_trail then timestamptz '2022-10-03Z'
                     + ((e ->> 'eventTime')::timestamptz - timestamptz '2023-07-10Z')
                     else (e ->> 'created_at')::timestamptz end as at from public.lines) b";

/// `$1` is the number of the repetition.
const FILL: &str = "insert into control_plane.audit_logs
    (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent, created_at)
select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0') || '8'
        || substr(md5(n::text || $1), 1, 15))::uuid,
       coalesce(e ->> 'actor_id', e #>> '{userIdentity,userName}', 'aws'),
       'user',
       coalesce(e ->> 'action', lower(split_part(e ->> 'eventSource', '.', 1)) || '.' || lower(e ->> 'eventName')),
       coalesce(e ->> 'target_type', 'api'),
       left(coalesce(e ->> 'target_id', e ->> 'eventName'), 250),
       case when is_trail then e || jsonb_build_object('eventID', md5((e ->> 'eventID') || $1))
            else jsonb_build_object('commit', substr(encode(sha256(((e #>> '{metadata,commit}') || $1)::bytea), 'hex'), 1, 40))
       end,
       case when is_trail and e ->> 'sourceIPAddress' ~ '^[0-9.]+$' then (e ->> 'sourceIPAddress')::inet end,
       left(e ->> 'userAgent', 400), at
  from (select n, e, is_trail, at + $1 * span as at from public.base) shifted
 order by at, n";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("the folder with the data");
    let times: i32 = arguments.next().expect("the number of repetitions").parse().unwrap();
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    load(&mut owner, &folder, times).await;
    index(&db, &mut owner).await;
    let searches = searches(&mut owner).await;
    for (name, options) in [("index", db.service()), ("plain", db.app())] {
        measure(name, options, &searches).await;
    }
}

async fn run(db: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(db).await.unwrap();
}

async fn number(db: &mut PgConnection, statement: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(statement.to_owned())).fetch_one(db).await.unwrap()
}

async fn load(db: &mut PgConnection, folder: &str, times: i32) {
    run(db, "create table public.lines (n bigint generated always as identity, is_trail boolean, e jsonb)").await;
    for (file, is_trail) in [("git-history", false), ("cloudtrail", true)] {
        let path = format!("{folder}/{file}.ndjson.gz");
        let text = Command::new("gzip").args(["-dc", &path]).output().unwrap().stdout;
        let text = String::from_utf8(text).unwrap().replace("\\u0000", "");
        for lines in text.lines().collect::<Vec<_>>().chunks(5_000) {
            sqlx::query("insert into public.lines (is_trail, e) select $1, l::jsonb from unnest($2::text[]) l")
                .bind(is_trail)
                .bind(lines)
                .execute(&mut *db)
                .await
                .unwrap();
        }
    }
    run(db, STAGE).await;
    let started = Instant::now();
    for time in 0..times {
        let fill = FILL.replace("|| $1", &format!("|| '{time}'")).replace("$1", &time.to_string());
        run(db, &fill).await;
    }
    run(db, "vacuum analyze").await;
    let records = number(db, "select count(*) from control_plane.audit_logs").await;
    println!("{records} records in {:.0} s", started.elapsed().as_secs_f64());
}

async fn index(db: &TestDb, owner: &mut PgConnection) {
    let mut sequencer = Sequencer::new(&db.service());
    let started = Instant::now();
    while sequencer.look().await.unwrap().has_more {
        assert!(matches!(sequencer.step().await.unwrap(), Step::Advanced(_)));
    }
    println!("sequenced in {:.1} s", started.elapsed().as_secs_f64());
    let mut indexer = TextIndexer::new(&db.service());
    let (started, own, mut indexed) = (Instant::now(), processor("self"), 0);
    while let TextIndexStep::Advanced { entries, .. } = indexer.step().await.unwrap() {
        indexed += entries;
    }
    let seconds = started.elapsed().as_secs_f64();
    let pid = number(
        owner,
        "select pid::bigint from pg_stat_activity where application_name = 'auditrail text index'",
    )
    .await;
    let (own, theirs) = (processor("self") - own, processor(&pid.to_string()));
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let each = |seconds: f64| seconds * 1e6 / indexed as f64;
    println!(
        "{indexed} indexed in {seconds:.1} s: {:.1} us a record, of which {:.1} us of processor here and {:.1} us in the database",
        each(seconds),
        each(own.as_secs_f64()),
        each(theirs.as_secs_f64()),
    );
    run(owner, "vacuum analyze").await;
    for (name, statement) in [
        ("blocks", "select count(*) from control_plane.audit_log_text_blocks"),
        (
            "bytes of filters",
            "select sum(octet_length(filter))::bigint from control_plane.audit_log_text_blocks",
        ),
        (
            "bytes of blocks with indexes",
            "select pg_total_relation_size('control_plane.audit_log_text_blocks')",
        ),
        (
            "bytes of heap",
            "select sum(pg_table_size(relid))::bigint from pg_partition_tree('control_plane.audit_logs')",
        ),
        (
            "bytes of records with indexes",
            "select sum(pg_total_relation_size(relid))::bigint from pg_partition_tree('control_plane.audit_logs') where isleaf",
        ),
    ] {
        println!("{name}: {}", number(owner, statement).await);
    }
}

/// The processor time of a process so far.
fn processor(pid: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().map(|at| fields[*at].parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// Words by their frequency in a sample.
async fn searches(db: &mut PgConnection) -> Vec<(&'static str, String)> {
    let texts: Vec<String> = sqlx::query_scalar(
        "select concat_ws(E'\\n', actor_id, action, target_type, target_id, user_agent, metadata::text)
           from (select * from control_plane.audit_logs order by id limit 40000) r",
    )
    .fetch_all(&mut *db)
    .await
    .unwrap();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for text in &texts {
        let text: String = text.chars().map(fold).collect();
        let mut words: Vec<&str> = words_of(&text).collect();
        words.sort_unstable();
        words.dedup();
        words.into_iter().for_each(|word| *counts.entry(word.to_owned()).or_default() += 1);
    }
    let near = |wanted: usize| {
        let by = |(word, count): (&String, &usize)| (count.abs_diff(wanted), word.clone());
        counts.iter().map(by).min().unwrap().1
    };
    let commit = |direction: &str, offset: i64| {
        format!(
            "select metadata ->> 'commit' from control_plane.audit_logs where metadata ? 'commit'
              order by created_at {direction}, id limit 1 offset {offset}"
        )
    };
    let mut rare = Vec::new();
    for statement in [commit("", 1_000), commit("desc", 10_000)] {
        let word: String =
            sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut *db).await.unwrap();
        rare.push(word);
    }
    let mut common: Vec<(&usize, &String)> =
        counts.iter().map(|(word, count)| (count, word)).collect();
    common.sort_unstable();
    let common: Vec<&String> =
        common.iter().rev().map(|(_, word)| *word).filter(|w| w.len() > 2).take(8).collect();
    println!("the most common words: {common:?}");
    vec![
        ("missing", "zzabsentword".to_owned()),
        ("rare, old", rare.remove(0)),
        ("rare, new", rare.remove(0)),
        ("1 in 10,000", near(4)),
        ("1 in 1,000", near(40)),
        ("1 in 100", near(400)),
        ("1 in 10", near(4_000)),
        ("common", common[0].clone()),
        ("two, never adjacent", format!("\"{} {}\"", common[0], common[1])),
        ("rare of one actor", format!("actor:user-8d6786b12bfc {}", near(40))),
    ]
}

async fn measure(name: &str, options: PgConnectOptions, searches: &[(&str, String)]) {
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&pool).await.unwrap();
    let log = PgAuditLog::new(pool, CursorKey::public());
    for (kind, q) in searches {
        let pairs = [("q", q.as_str())];
        let query = Query::from_pairs(pairs, &CursorKey::public(), jiff::Timestamp::now()).unwrap();
        let query = Query { count: Count::None, ..query };
        let first = log.page(&query).await.unwrap();
        let began = processor(&pid.to_string());
        let runs = if name == "plain" { 5 } else { RUNS };
        let mut durations = Vec::new();
        for _ in 0..runs {
            let started = Instant::now();
            log.page(&query).await.unwrap();
            durations.push(started.elapsed());
        }
        let busy = (processor(&pid.to_string()) - began) / u32::try_from(runs).unwrap();
        durations.sort_unstable();
        println!(
            "{name} | {kind} | {q} | p50 {:.1} ms | p95 {:.1} ms | processor {:.0} ms | {} records{}",
            durations[runs / 2].as_secs_f64() * 1e3,
            durations[runs * 95 / 100].as_secs_f64() * 1e3,
            busy.as_secs_f64() * 1e3,
            first.data.len(),
            first
                .pagination
                .searched_back_to
                .map_or(String::new(), |at| format!(", searched back to {at}")),
        );
    }
}
