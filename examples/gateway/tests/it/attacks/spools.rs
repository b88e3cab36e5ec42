//! A spool that another user prepared before the gateway starts.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use crate::service::KEY;

/// Starts a gateway that must refuse its spool, and returns its messages.
fn refusal(spool: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .args(["--upstream", "/=http://127.0.0.1:1", "--policy", "audit.toml"])
        .args(["--callers", "callers.toml", "--spool"])
        .arg(spool)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("AUDITRAIL_URL", "http://127.0.0.1:1")
        .env("AUDITRAIL_KEY", KEY)
        .env_remove("AUDITRAIL_KEY_FILE")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn spool_that_others_prepared_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("spool");
    fs::create_dir(&spool).unwrap();
    let victim = directory.path().join("victim");
    fs::write(&victim, "precious").unwrap();

    fs::set_permissions(&spool, Permissions::from_mode(0o777)).unwrap();
    let text = refusal(&spool);
    assert!(text.contains("is not safe to use: group or others can write to it"), "{text}");

    fs::set_permissions(&spool, Permissions::from_mode(0o700)).unwrap();
    for name in ["spool.redb", "lock", "refused.ndjson", "quarantine.ndjson"] {
        symlink(&victim, spool.join(name)).unwrap();
        let text = refusal(&spool);
        assert!(text.contains(&format!("{name} in it is not a regular file")), "{text}");
        fs::remove_file(spool.join(name)).unwrap();
    }
    if chown(&spool, Some(65_534), None).is_ok() {
        let text = refusal(&spool);
        assert!(text.contains("it belongs to user 65534, but this process runs as user"), "{text}");
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}
