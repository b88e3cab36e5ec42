//! Settings of databases and roles, and encodings.

use std::time::Duration;

use auditrail_store::migrate::{MigrateError, Runner, silent};
use auditrail_testkit::TestDb;
use sqlx::{AssertSqlSafe, PgConnection};

use super::support::{one, run};

/// Settings that change how PostgreSQL prints or reads, what a transaction may do, how long it may take, or
/// what an error ends. Those that the server does not have are skipped.
const SETTINGS: &[(&str, &str)] = &[
    ("array_nulls", "off"),
    ("backslash_quote", "off"),
    ("bytea_output", "escape"),
    ("check_function_bodies", "off"),
    ("client_encoding", "LATIN1"),
    ("client_min_messages", "error"),
    ("constraint_exclusion", "on"),
    ("datestyle", "SQL, DMY"),
    ("default_table_access_method", "heap"),
    ("default_text_search_config", "german"),
    ("default_toast_compression", "pglz"),
    ("default_transaction_deferrable", "on"),
    ("default_transaction_isolation", "serializable"),
    ("default_transaction_read_only", "on"),
    ("enable_indexscan", "off"),
    ("escape_string_warning", "off"),
    ("exit_on_error", "on"),
    ("extra_float_digits", "-15"),
    ("force_parallel_mode", "on"),
    ("idle_in_transaction_session_timeout", "1"),
    ("idle_session_timeout", "100"),
    ("intervalstyle", "iso_8601"),
    ("jit_above_cost", "0"),
    ("lc_messages", "C"),
    ("lc_monetary", "C"),
    ("lc_numeric", "C"),
    ("lc_time", "C"),
    ("lock_timeout", "1"),
    ("log_error_verbosity", "verbose"),
    ("max_parallel_workers_per_gather", "0"),
    ("plan_cache_mode", "force_custom_plan"),
    ("plpgsql.check_asserts", "off"),
    ("plpgsql.extra_errors", "all"),
    ("plpgsql.extra_warnings", "all"),
    ("plpgsql.print_strict_params", "on"),
    ("plpgsql.variable_conflict", "use_column"),
    ("quote_all_identifiers", "on"),
    ("row_security", "off"),
    ("search_path", ""),
    ("standard_conforming_strings", "off"),
    ("statement_timeout", "20"),
    ("synchronize_seqscans", "off"),
    ("synchronous_commit", "off"),
    ("timezone", "Asia/Tokyo"),
    ("transaction_timeout", "20"),
    ("transform_null_equals", "on"),
    ("vacuum_cost_delay", "1"),
    ("work_mem", "64"),
    ("xmlbinary", "hex"),
    ("xmloption", "document"),
];

/// Those of [`SETTINGS`] that the server has.
async fn existing(admin: &mut PgConnection) -> Vec<(&'static str, &'static str)> {
    let names: Vec<String> =
        sqlx::query_scalar("select lower(name) from pg_settings").fetch_all(admin).await.unwrap();
    let exists = |name: &str| name.starts_with("plpgsql.") || names.iter().any(|n| n == name);
    SETTINGS.iter().copied().filter(|(name, _)| exists(name)).collect()
}

#[tokio::test]
async fn no_setting_changes_what_verify_reports() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    run(
        &mut admin,
        "alter table control_plane.audit_logs add column extra interval default '3 days'",
    )
    .await;
    let runner = Runner::new(db.app());
    let plain = runner.verify().await.unwrap();
    assert_eq!(plain.1.len(), 1);
    for (name, value) in existing(&mut admin).await {
        let database = db.name();
        run(&mut admin, &format!("alter database {database} set {name} = '{value}'")).await;
        let found = runner.verify().await.unwrap_or_else(|e| panic!("{name} = {value}: {e}"));
        assert_eq!(found, plain, "{name} = {value}");
        assert_eq!(runner.status().await.unwrap().pending(), 0, "{name} = {value}");
        run(&mut admin, &format!("alter database {database} reset {name}")).await;
    }
}

#[tokio::test]
async fn migrations_run_with_any_settings() {
    let db = TestDb::empty().await;
    let mut admin = db.connect(db.admin()).await;
    for (name, value) in existing(&mut admin).await {
        run(&mut admin, &format!("alter database {} set {name} = '{value}'", db.name())).await;
    }
    let runner = Runner::new(db.owner()).with_lock_timeout(Duration::from_secs(20));
    let applied = runner.up(None, &mut silent).await.unwrap();
    assert_eq!(applied.migrations.len(), runner.set().migrations().len());
    assert_eq!(runner.verify().await.unwrap(), (runner.set().latest(), vec![]));
    runner.down(0, true, &mut silent).await.unwrap();
}

#[tokio::test]
async fn index_builds_do_not_wait_for_the_lock_session() {
    for level in ["repeatable read", "serializable"] {
        let db = TestDb::empty().await;
        let mut admin = db.connect(db.admin()).await;
        let name = db.name();
        run(
            &mut admin,
            &format!("alter database {name} set default_transaction_isolation = '{level}'"),
        )
        .await;
        let runner = Runner::new(db.owner()).with_lock_timeout(Duration::from_secs(20));
        runner.up(None, &mut silent).await.unwrap();
    }
}

/// An empty database with this encoding, owned by the owner of `db`; dropped at the end of the test by name.
async fn with_encoding(db: &TestDb, encoding: &str) -> String {
    let name = format!("{}_{}", db.name(), encoding.to_lowercase());
    let sql = format!(
        "create database {name} encoding '{encoding}' lc_collate 'C' lc_ctype 'C' template template0
         owner auditrail_owner"
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut db.connect(db.admin()).await).await.unwrap();
    name
}

#[tokio::test]
async fn other_encodings_are_rejected_before_any_step() {
    let db = TestDb::empty().await;
    for encoding in ["LATIN1", "SQL_ASCII", "EUC_JP"] {
        let name = with_encoding(&db, encoding).await;
        let runner = Runner::new(db.owner().database(&name));
        for error in [
            runner.up(None, &mut silent).await.map(|_| ()).unwrap_err(),
            runner.plan(None).await.map(|_| ()).unwrap_err(),
            runner.baseline(&mut silent).await.map(|_| ()).unwrap_err(),
        ] {
            assert!(
                matches!(&error, MigrateError::Encoding { encoding: found } if found == encoding),
                "{error}"
            );
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("the encoding of the database is {encoding}"))
            );
        }
        let mut owner = db.connect(db.owner().database(&name)).await;
        assert!(one::<bool>(&mut owner, "select to_regnamespace('control_plane') is null").await);
        let (_, differences) = runner.verify().await.unwrap();
        let found = differences.iter().map(ToString::to_string);
        let expected = format!("database has encoding `{encoding}`, expected `UTF8`");
        assert!(found.into_iter().any(|text| text == expected));
        let script = runner.script(None, Some(1)).unwrap();
        let check = script.split(";\n").find(|part| part.contains("server_encoding")).unwrap();
        let error =
            sqlx::raw_sql(AssertSqlSafe(check.to_owned())).execute(&mut owner).await.unwrap_err();
        assert!(error.to_string().contains("must be UTF8, but is"), "{error}");
        drop(owner);
        run(&mut db.connect(db.admin()).await, &format!("drop database {name} with (force)")).await;
    }
}
