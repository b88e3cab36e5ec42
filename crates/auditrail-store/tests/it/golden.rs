//! The committed descriptions of the schema match the migrations.

use std::path::Path;
use std::{env, fs};

use auditrail_store::migrate::{MigrationSet, Runner, silent};
use auditrail_store::schema::{Schema, describe};
use auditrail_testkit::TestDb;

/// With `AUDITRAIL_BLESS=1` the files are written instead of compared. They describe a plain table.
#[tokio::test]
async fn committed_descriptions_match_the_migrations() {
    let db = TestDb::empty().await;
    let runner = Runner::new(db.owner());
    let mut connection = db.connect(db.owner()).await;
    for migration in MigrationSet::embedded().migrations() {
        let version = migration.version();
        if version == runner.set().latest() {
            // A table that something depends on is not partitioned.
            db.as_owner("create view public.dependent as select id from control_plane.audit_logs")
                .await;
        }
        runner.up(Some(version), &mut silent).await.unwrap();
        let live = describe(&mut connection, "control_plane").await.unwrap();
        let file = format!("{}/schema/{version:03}.json", env!("CARGO_MANIFEST_DIR"));
        let file = Path::new(&file);
        if env::var_os("AUDITRAIL_BLESS").is_some() {
            fs::write(file, format!("{}\n", serde_json::to_string_pretty(&live).unwrap())).unwrap();
        }
        let committed: Schema = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(committed, live, "schema/{version:03}.json is not current; see CONTRIBUTING.md");
    }
}
