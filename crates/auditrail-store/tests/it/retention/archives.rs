//! Archives: exact values, hostile files, and failures that keep records in the log.

#![expect(clippy::print_stderr, reason = "figures, for those who run the test by hand")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use auditrail_core::{ArchiveManifest, ArchiveName};
use auditrail_store::RetentionError;
use auditrail_store::archive::{
    ArchiveDir, ArchiveError, ArchiveReader, ArchiveRestore, RestoreError,
};
use auditrail_store::migrate::MigrationSet;
use auditrail_testkit::TestDb;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::support::{
    contents, plain, rule, run_records, run_with, texts, with_closed_partitions, write,
};
use crate::support::sql;

/// Values that a careless encoding would change.
const UNUSUAL: &str = r#"
    insert into control_plane.audit_logs
        (id, actor_type, actor_id, action, target_type, target_id, metadata, ip_address, user_agent,
         created_at, tenant_id, outcome, actor_name, target_name, recorded_by, xact_id)
    values
        ('018d0000-0000-7000-8000-000000000001', 'user', 'u"1\', 'a.b', 'x', E'tab\tbell\u0007', null,
         null, '', '2024-01-12 00:00:00.000001+00', null, null, null, null, null, '9'),
        ('018d0000-0000-7000-8000-000000000002', 'system', 'system', 'a.b', 'x', 'ä 𝄞 \u0000', 'null',
         '10.1.0.0/16', 'x', '2024-01-12 00:00:00.100+02', 't', 'denied', 'n', 'm', 'key:1', '10'),
        ('018d0000-0000-7000-8000-000000000003', 'api_key', 'k', 'a.b', 'x', 'y',
         '{"n": 1.00, "big": 12345678901234567890.123456789, "e": 1e400, "s": "\\u0001 \\\" ö", "a": []}',
         '::ffff:1.2.3.4', null, '0001-01-01 00:00:00.5+00', null, null, null, null, null, '11'),
        ('018d0000-0000-7000-8000-000000000004', 'user', 'u', 'a.b', 'x', 'y', '[]',
         '2001:db8::1', null, '2024-01-12 00:00:00+00', null, null, null, null, 'role:x', '12')"#;

/// Archives every record but those about retention, and returns the directory.
async fn archived(db: &TestDb) -> TempDir {
    let dir = TempDir::new().unwrap();
    rule(db, "", "", 400).await;
    run_with(db, Some(dir.path()), &mut |_| {}).await.unwrap();
    dir
}

fn names(dir: &Path) -> Vec<ArchiveName> {
    ArchiveDir::open(dir).unwrap().list().unwrap().into_iter().map(|one| one.name).collect()
}

fn lines(dir: &Path) -> Vec<String> {
    let dir = ArchiveDir::open(dir).unwrap();
    let mut lines = Vec::new();
    for archive in dir.list().unwrap() {
        let mut reader = ArchiveReader::open(&dir, archive.manifest.unwrap()).unwrap();
        while let Some((_, line)) = reader.next_line().unwrap() {
            lines.push(line.to_owned());
        }
    }
    lines
}

#[tokio::test]
async fn values_survive_archive_and_restore() {
    let db = with_closed_partitions().await;
    db.as_owner(UNUSUAL).await;
    write(&db, 30, "2024-01-05", "t1", "project.created").await;
    // Without the transaction ids, which are those of the target.
    let query = "select (to_jsonb(r) - 'xact_id')::text || coalesce(metadata::text, 'NULL')
                   from control_plane.audit_logs r
                  where action not like 'audit\\_log.%' order by id";
    let before = texts(&db, query).await;
    let dir = archived(&db).await;
    assert_eq!(contents(&db).await, Vec::<String>::new());
    let lines = lines(dir.path());
    assert_eq!(lines.len(), 34);
    assert!(lines.iter().any(|line| line.ends_with(r#","xact_id":"10"}"#)));
    assert!(
        lines.iter().any(|line| line.contains(r#""created_at":"2024-01-12T00:00:00.000001Z""#))
    );

    let other = TestDb::migrated().await;
    let restore = ArchiveRestore::new(other.pool(other.service()).await);
    let archives = ArchiveDir::open(dir.path()).unwrap();
    let (mut created, mut duplicates) = (0, 0);
    for name in names(dir.path()) {
        created += restore.restore(&archives, name).await.unwrap().created;
        duplicates += restore.restore(&archives, name).await.unwrap().duplicates;
    }
    assert_eq!((created, duplicates), (34, 34));
    assert_eq!(texts(&other, query).await, before);
}

#[tokio::test]
async fn run_records_name_the_archives() {
    for db in [with_closed_partitions().await, plain().await] {
        write(&db, 45, "2024-01-05", "t1", "project.created").await;
        let dir = archived(&db).await;
        let archives = ArchiveDir::open(dir.path()).unwrap();
        let [record] = &run_records(&db).await[..] else { panic!("one record") };
        let names = names(dir.path());
        let listed = record["archives"].as_array().unwrap();
        assert_eq!(listed.len(), names.len());
        for (name, listed) in names.into_iter().zip(listed) {
            let manifest = archives.verify(name).unwrap();
            assert_eq!(listed["name"], name.to_string());
            assert_eq!(listed["manifest_sha256"], archives.manifest_sha256(name).unwrap());
            assert_eq!(listed["records"], manifest.records);
            assert_eq!(manifest.schema_version, MigrationSet::embedded().latest());
        }
        assert_eq!(record["records"], 45);
    }
}

#[tokio::test]
async fn archive_that_cannot_be_written_keeps_the_records() {
    for db in [with_closed_partitions().await, plain().await] {
        write(&db, 45, "2024-01-05", "t1", "project.created").await;
        rule(&db, "", "", 400).await;
        let before = contents(&db).await;
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("archives");
        fs::create_dir(&path).unwrap();
        let opened = ArchiveDir::open(&path).unwrap();
        fs::remove_dir(&path).unwrap();
        let options = auditrail_store::RetentionOptions {
            by: auditrail_core::Actor::System,
            archive: Some(opened),
            stop: &|| false,
            on_step: &mut |_| {},
            limits: super::support::LIMITS,
        };
        let outcome = super::support::retention(&db).run(options).await;
        assert!(matches!(outcome, Err(RetentionError::Archive(_))), "{outcome:?}");
        assert_eq!(contents(&db).await, before);
        assert_eq!(run_records(&db).await.len(), 0);
    }
}

#[tokio::test]
async fn full_disk_keeps_the_records() {
    let Some(small) = SmallDisk::mount() else {
        eprintln!("skipped: only root can mount a small file system");
        return;
    };
    for db in [with_closed_partitions().await, plain().await] {
        let large = super::support::records(40, "2024-01-05", "t1", "project.created").replace(
            "repeat('ä', n % 3)",
            "(select string_agg(md5(n::text || i), '') from generate_series(1, 900) i)",
        );
        sql(&mut db.connect(db.app()).await, &large).await;
        rule(&db, "", "", 400).await;
        let before = contents(&db).await;
        let outcome = run_with(&db, Some(small.dir.path()), &mut |_| {}).await;
        assert!(matches!(outcome, Err(RetentionError::Archive(_))), "{outcome:?}");
        assert_eq!(contents(&db).await, before);
        assert_eq!(names(small.dir.path()), []);
        assert_eq!(run_records(&db).await.len(), 0);
    }
}

/// A file system of 64 KiB.
struct SmallDisk {
    dir: TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = TempDir::new().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(dir.path());
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        is_mounted.then_some(Self { dir })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg(self.dir.path()).output());
    }
}

#[tokio::test]
async fn changed_record_is_not_deleted_by_its_archive() {
    let db = plain().await;
    write(&db, 45, "2024-01-05", "t1", "project.created").await;
    rule(&db, "", "", 400).await;
    let dir = TempDir::new().unwrap();
    let mut is_first = true;
    let mut on_step = |step| {
        if matches!(step, auditrail_store::RetentionStep::Archived { .. }) && is_first {
            is_first = false;
            super::support::meanwhile(
                &db,
                db.owner(),
                "begin; set local auditrail.maintenance = 'erasure';
                 update control_plane.audit_logs set actor_id = 'erased' where target_id = 'p3'; commit",
            );
        }
    };
    let outcome = run_with(&db, Some(dir.path()), &mut on_step).await;
    assert!(matches!(outcome, Err(RetentionError::RecordsChanged { .. })), "{outcome:?}");
    assert_eq!(contents(&db).await.len(), 45);
    assert_eq!(names(dir.path()), []);
    run_with(&db, Some(dir.path()), &mut |_| {}).await.unwrap();
    assert!(lines(dir.path()).iter().any(|line| line.contains(r#""actor_id":"erased""#)));
}

#[tokio::test]
async fn archive_of_a_log_is_not_restored_into_it() {
    let db = plain().await;
    write(&db, 5, "2024-01-05", "t1", "project.created").await;
    let dir = archived(&db).await;
    let restore = ArchiveRestore::new(db.pool(db.service()).await);
    let archives = ArchiveDir::open(dir.path()).unwrap();
    let error = restore.restore(&archives, names(dir.path())[0]).await.unwrap_err();
    assert!(matches!(error, RestoreError::SameLog { .. }), "{error:?}");
    assert_eq!(contents(&db).await.len(), 0);
}

#[tokio::test]
async fn restore_reports_a_record_with_other_values() {
    let db = plain().await;
    write(&db, 5, "2024-01-05", "t1", "project.created").await;
    let dir = archived(&db).await;
    let other = TestDb::migrated().await;
    let restore = ArchiveRestore::new(other.pool(other.service()).await);
    let archives = ArchiveDir::open(dir.path()).unwrap();
    restore.restore(&archives, names(dir.path())[0]).await.unwrap();
    other
        .as_owner(
            "begin; set local auditrail.maintenance = 'erasure';
             update control_plane.audit_logs set user_agent = 'x' where target_id = 'p3'; commit",
        )
        .await;
    let error = restore.restore(&archives, names(dir.path())[0]).await.unwrap_err();
    assert!(matches!(error, RestoreError::Differs { .. }), "{error:?}");
}

/// An archive in a directory of its own, to be damaged.
struct Damaged {
    dir: TempDir,
    name: ArchiveName,
}

impl Damaged {
    async fn new() -> Self {
        let db = plain().await;
        write(&db, 15, "2024-01-05", "t1", "project.created").await;
        let dir = archived(&db).await;
        let name = names(dir.path())[0];
        Self { dir, name }
    }

    fn lines(&self) -> PathBuf {
        self.dir.path().join(self.name.lines_file())
    }

    fn manifest(&self) -> PathBuf {
        self.dir.path().join(self.name.manifest_file())
    }

    /// Changes a field of the manifest.
    fn set(&self, field: &str, value: serde_json::Value) {
        let text = fs::read_to_string(self.manifest()).unwrap();
        let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
        manifest[field] = value;
        fs::write(self.manifest(), manifest.to_string()).unwrap();
    }

    /// Replaces the lines, and makes size and digest of the file match.
    fn replace_lines(&self, lines: &[u8]) {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.write_all(lines).unwrap();
        self.replace_file(&encoder.finish().unwrap());
    }

    fn replace_file(&self, bytes: &[u8]) {
        fs::write(self.lines(), bytes).unwrap();
        self.set("file_bytes", bytes.len().into());
        let digest = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        self.set("file_sha256", serde_json::Value::String(digest));
    }

    fn error(&self) -> String {
        let dir = ArchiveDir::open(self.dir.path()).unwrap();
        match dir.verify(self.name) {
            Err(ArchiveError::Invalid { detail, .. }) => detail,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn damaged_archives_are_rejected_with_the_reason() {
    let archive = Damaged::new().await;
    let original = fs::read(archive.lines()).unwrap();
    let decoded = zstd::decode_all(&original[..]).unwrap();
    let manifest = fs::read(archive.manifest()).unwrap();
    let restored = || fs::write(archive.manifest(), &manifest).unwrap();

    fs::write(archive.lines(), &original[..original.len() / 2]).unwrap();
    assert!(archive.error().contains("its manifest states"), "{}", archive.error());
    archive.replace_file(&original[..original.len() / 2]);
    assert!(archive.error().contains("damaged"), "{}", archive.error());
    archive.replace_file(b"no zstd at all, and long enough to have a header");
    assert!(archive.error().contains("damaged"), "{}", archive.error());

    let text = String::from_utf8(decoded.clone()).unwrap();
    restored();
    archive.replace_lines(text.replacen("\"u1\"", "\"u2\"", 1).as_bytes());
    assert!(archive.error().contains("SHA-256 of the lines"), "{}", archive.error());
    archive.replace_lines(&decoded[..decoded.len() - 1]);
    assert!(archive.error().contains("has no end"), "{}", archive.error());
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    archive.replace_lines(lines[1..].concat().as_bytes());
    assert!(archive.error().contains("number of records"), "{}", archive.error());
    archive.replace_lines(format!("{text}{}", lines[0]).as_bytes());
    assert!(archive.error().contains("longer than the manifest states"), "{}", archive.error());
    let other_time = text.replacen("2024-01-05T00:01", "2023-01-05T00:01", 1);
    archive.replace_lines(other_time.as_bytes());
    assert!(archive.error().contains("range of created_at"), "{}", archive.error());
    let not_json = format!("{{{}", &text[..text.len() - 1]);
    archive.replace_lines(not_json.as_bytes());
    assert!(archive.error().contains("line 1"), "{}", archive.error());

    restored();
    fs::write(archive.lines(), &original).unwrap();
    let dir = ArchiveDir::open(archive.dir.path()).unwrap();
    dir.verify(archive.name).unwrap();
    archive.set("records", 16.into());
    assert!(archive.error().contains("number of records"), "{}", archive.error());
}

#[tokio::test]
async fn hostile_archives_read_no_more_than_they_state() {
    let archive = Damaged::new().await;
    // A gigabyte of zeros in some kilobytes: one line without an end.
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..1_024 {
        encoder.write_all(&zeros).unwrap();
    }
    archive.replace_file(&encoder.finish().unwrap());
    let started = std::time::Instant::now();
    assert!(archive.error().contains("line 1"), "{}", archive.error());
    assert!(started.elapsed() < std::time::Duration::from_secs(2));
    // The same, with a manifest that admits a long line.
    archive.set("lines_bytes", (1_u64 << 40).into());
    archive.set("longest_line_bytes", (1_u64 << 40).into());
    assert!(archive.error().contains("line 1"), "{}", archive.error());
}

#[tokio::test]
async fn files_that_are_no_archives_are_refused() {
    let archive = Damaged::new().await;
    let dir = ArchiveDir::open(archive.dir.path()).unwrap();
    let secret = archive.dir.path().join("secret");
    fs::rename(archive.lines(), &secret).unwrap();
    std::os::unix::fs::symlink(&secret, archive.lines()).unwrap();
    assert!(archive.error().contains("not a regular file"), "{}", archive.error());

    // A manifest under the name of another archive.
    let other = ArchiveName::new(uuid::Uuid::nil(), 1);
    fs::copy(archive.manifest(), archive.dir.path().join(other.manifest_file())).unwrap();
    let error = dir.manifest(other).unwrap_err().to_string();
    assert!(error.contains(&archive.name.to_string()), "{error}");
    // Names that are paths are not listed.
    fs::write(archive.dir.path().join("x.manifest.json"), "{}").unwrap();
    assert_eq!(names(archive.dir.path()).len(), 2);
    let large = vec![b' '; 1 << 20];
    fs::write(archive.manifest(), large).unwrap();
    assert!(archive.error().contains("more than"), "{}", archive.error());
    let parsed: Result<ArchiveManifest, _> = ArchiveManifest::parse(b"{}");
    parsed.unwrap_err();
}
