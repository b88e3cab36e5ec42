//! Steps on a partitioned table: indexes on each partition, and reverting.

use auditrail_store::migrate::{Event, MigrateError, Runner, silent};
use auditrail_store::schema::{compare, describe};
use auditrail_testkit::{TestDb, until};

use super::support::{BUILD_WAITS, CONCURRENT, File, one, run, shop_runner};

/// A partitioned table of `shop`.
const TABLE: File<'static> = (
    "001_things.sql",
    "create table shop.things (n int) partition by range (n);
     create table shop.things_a partition of shop.things for values from (0) to (10);
     create table shop.things_b partition of shop.things for values from (10) to (20);
     create table shop.things_rest partition of shop.things default;
     insert into shop.things select generate_series(1, 30);",
);

const DROP: File<'static> = (
    "002_index.down.sql",
    "-- What: a.\n-- Loses data: no\n-- Transaction: no\ndrop index concurrently shop.things_n;",
);

const VALID: &str = "select coalesce((select indisvalid from pg_index where indexrelid = to_regclass('shop.things_n')), false)";
const INDEXES: &str = "select string_agg(indexname || case when indisvalid then '' else ' invalid' end, ' ' order by indexname)
    from pg_indexes join pg_index on indexrelid = format('%I.%I', schemaname, indexname)::regclass
   where schemaname = 'shop' and tablename like 'things%'";

fn index() -> (&'static str, String) {
    let sql = "create unique index concurrently things_n\n on shop.things (n) where n > 0;";
    ("002_index.sql", format!("{CONCURRENT}{sql}"))
}

fn runner(db: &TestDb) -> Runner {
    let (file, sql) = index();
    shop_runner(db, &[TABLE, (file, &sql), DROP])
}

#[tokio::test]
async fn index_is_built_on_each_partition_and_dropped() {
    let db = TestDb::empty().await;
    let runner = runner(&db);
    runner.up(None, &mut silent).await.unwrap();
    let mut owner = db.connect(db.owner()).await;
    assert_eq!(
        one::<String>(&mut owner, INDEXES).await,
        "things_a_n things_b_n things_n things_rest_n"
    );
    let definition = "select pg_get_indexdef('shop.things_b_n'::regclass)";
    assert_eq!(
        one::<String>(&mut owner, definition).await,
        "CREATE UNIQUE INDEX things_b_n ON shop.things_b USING btree (n) WHERE (n > 0)"
    );
    runner.down(1, false, &mut silent).await.unwrap();
    assert_eq!(one::<Option<String>>(&mut owner, INDEXES).await, None);
}

#[tokio::test]
async fn interrupted_build_on_a_partition_is_completed() {
    let db = TestDb::empty().await;
    let runner = runner(&db);
    runner.up(Some(1), &mut silent).await.unwrap();
    let mut gate = db.connect(db.owner()).await;
    run(&mut gate, "begin; insert into shop.things_b values (15)").await;
    let interrupted = runner.clone();
    let task = tokio::spawn(async move { interrupted.up(None, &mut silent).await.map(|_| ()) });
    let mut observer = db.connect(db.admin()).await;
    until(&mut observer, BUILD_WAITS).await;
    run(
        &mut observer,
        "select pg_terminate_backend(pid) from pg_stat_progress_create_index
            where datname = current_database()",
    )
    .await;
    assert!(matches!(task.await.unwrap().unwrap_err(), MigrateError::Unreachable { .. }));
    assert_eq!(
        one::<String>(&mut observer, INDEXES).await,
        "things_a_n things_b_n invalid things_n invalid"
    );
    let built = "select 'shop.things_a_n'::regclass::oid::int8";
    let before: i64 = one(&mut observer, built).await;
    run(&mut gate, "rollback").await;

    let mut dropped_indexes = Vec::new();
    let mut watch = |event: Event<'_>| {
        if let Event::Healed { index } = event {
            dropped_indexes.push(index.to_owned());
        }
    };
    runner.up(None, &mut watch).await.unwrap();

    assert_eq!(dropped_indexes, ["things_b_n"]);
    assert!(one::<bool>(&mut observer, VALID).await);
    assert_eq!(one::<i64>(&mut observer, built).await, before, "it was built twice");
}

#[tokio::test]
async fn partition_that_is_attached_meanwhile_gets_the_index() {
    let db = TestDb::empty().await;
    let runner = runner(&db);
    runner.up(Some(1), &mut silent).await.unwrap();
    let mut owner = db.connect(db.owner()).await;
    run(
        &mut owner,
        "create unique index things_n on only shop.things (n) where n > 0;
         create table shop.things_c (n int);
         alter table shop.things attach partition shop.things_c for values from (40) to (50)",
    )
    .await;
    runner.up(None, &mut silent).await.unwrap();
    assert!(one::<bool>(&mut owner, VALID).await);
    let parts = "select count(*) from pg_inherits where inhparent = 'shop.things_n'::regclass";
    assert_eq!(one::<i64>(&mut owner, parts).await, 4);
}

#[tokio::test]
async fn failed_build_on_a_partition_is_not_tracked() {
    let db = TestDb::empty().await;
    let runner = runner(&db);
    runner.up(Some(1), &mut silent).await.unwrap();
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, "insert into shop.things values (12)").await;

    let error = runner.up(None, &mut silent).await.unwrap_err();

    assert!(error.to_string().contains("could not create unique index \"things_b_n\""), "{error}");
    let newest = "select max(version) from shop.schema_migrations";
    assert_eq!(one::<i64>(&mut owner, newest).await, 1);
    assert_eq!(one::<String>(&mut owner, INDEXES).await, "things_a_n things_n invalid");
    run(&mut owner, "delete from shop.things where n = 12").await;
    runner.up(None, &mut silent).await.unwrap();
    assert!(one::<bool>(&mut owner, VALID).await);
}

#[tokio::test]
async fn drop_of_an_index_waits_for_readers_in_short_attempts() {
    let db = TestDb::empty().await;
    let runner = runner(&db);
    runner.up(None, &mut silent).await.unwrap();
    let mut gate = Some(db.connect(db.owner()).await);
    run(gate.as_mut().unwrap(), "begin; select * from shop.things_b").await;

    let mut attempts_made = 0;
    let mut release = |event: Event<'_>| {
        if let Event::Retrying { attempts, .. } = event {
            attempts_made = attempts;
            drop(gate.take());
        }
    };
    runner.down(1, false, &mut release).await.unwrap();

    assert!(attempts_made > 0);
    let mut owner = db.connect(db.owner()).await;
    assert_eq!(one::<Option<String>>(&mut owner, INDEXES).await, None);
}

#[tokio::test]
async fn migrations_of_a_partitioned_table_can_be_reverted_and_reapplied() {
    let db = TestDb::migrated().await;
    let runner = Runner::new(db.owner());
    let latest = runner.set().latest();
    let versions = runner.set().migrations().iter().map(|migration| migration.version());
    let mut versions: Vec<i64> = versions.filter(|version| *version < latest).collect();
    versions.insert(0, 0);
    for version in versions.into_iter().rev() {
        runner.down(version, true, &mut silent).await.unwrap();
        let mut owner = db.connect(db.owner()).await;
        let live = describe(&mut owner, "control_plane").await.unwrap();
        let expected = runner.set().expected(version).unwrap_or_default();
        assert_eq!(compare(&expected, &live), [], "after going back to {version}");
        assert!(!live.tables.contains_key("control_plane.audit_logs") || version > 0);
        runner.up(None, &mut silent).await.unwrap();
        assert_eq!(runner.verify().await.unwrap(), (latest, vec![]), "after {version}");
    }
}

#[tokio::test]
async fn records_of_a_partitioned_table_survive_reverting() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    run(
        &mut owner,
        "insert into control_plane.audit_logs (id, actor_id, actor_type, action, target_type, target_id)
         values (gen_random_uuid(), 'u1', 'user', 'project.created', 'project', 'p1'),
                ('0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee', 'u1', 'user', 'project.created', 'project', 'p1')",
    )
    .await;
    let runner = Runner::new(db.owner());
    runner.down(13, true, &mut silent).await.unwrap();
    runner.up(None, &mut silent).await.unwrap();
    assert_eq!(one::<i64>(&mut owner, "select count(*) from control_plane.audit_logs").await, 2);
    assert_eq!(runner.verify().await.unwrap().1, []);
}

#[tokio::test]
async fn script_says_how_a_partitioned_table_gets_an_index() {
    let db = TestDb::migrated().await;
    let runner = Runner::new(db.owner());
    let way = "alter index I attach partition";
    assert!(runner.script(Some(21), None).unwrap().contains(way));
    assert!(!runner.script(Some(22), None).unwrap().contains(way));
    assert!(!runner.script(None, None).unwrap().contains(way), "a new table is plain");
}
