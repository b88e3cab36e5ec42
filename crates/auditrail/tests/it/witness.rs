//! `witness`: keys, the service as a process, and its state.

mod running;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use auditrail_witness::WitnessError;
use rustix::process::Signal;
use serde_json::json;
use tlog::{Algorithm, SigningKey, VerifierKey};
use tokio::sync::watch;

use crate::sandbox::Sandbox;
use running::{Log, ORIGIN, Running, log_key};

const CREATE_KEY: [&str; 6] =
    ["witness", "create-key", "--name", "witness.example/w1", "--output", "witness.key"];
const STATUS: [&str; 4] = ["witness", "status", "--state", "state"];

/// A sandbox with a key of a witness.
fn with_key() -> Sandbox {
    let sandbox = Sandbox::bare();
    sandbox.run(&CREATE_KEY).code(0);
    sandbox
}

/// The arguments of `serve` for a log with the key 1.
fn serve() -> Vec<String> {
    let log = log_key(1).verifier().to_string();
    let args = ["witness", "serve", "--key-file", "witness.key", "--state", "state", "--log", &log];
    args.map(str::to_owned).into()
}

/// The same, with another value of a flag.
fn serve_with(flag: &str, value: &str) -> Vec<String> {
    let mut args = serve();
    let place = args.iter().position(|arg| arg == flag).unwrap();
    value.clone_into(&mut args[place + 1]);
    args
}

#[test]
fn key_is_created_once_and_for_its_owner() {
    let sandbox = Sandbox::bare();
    let run = sandbox.run(&CREATE_KEY).code(0).stderr_has("created witness.key");
    let verifier: VerifierKey = run.out.trim_end().parse().unwrap();
    assert_eq!(verifier.algorithm(), Algorithm::Cosignature);
    assert_eq!(verifier.name().as_str(), "witness.example/w1");
    let secret = sandbox.text("witness.key");
    let key = SigningKey::from_secret_text(secret.trim_end()).unwrap();
    assert_eq!(key.verifier(), verifier);
    let mode = fs::metadata(sandbox.path("witness.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!format!("{run:?}").contains(secret.trim_end()));
    // An existing file, also one that a link leads to, is left as it is.
    sandbox.run(&CREATE_KEY).code(1).stderr_has("witness.key already exists");
    assert_eq!(sandbox.text("witness.key"), secret);
    let mut args = CREATE_KEY;
    args[5] = "missing/witness.key";
    sandbox.run(&args).code(1).stderr_has("missing/witness.key");
    args[5] = "other.key";
    let run = sandbox.run(&[&args[..], &["--json"]].concat()).code(0);
    assert_eq!(run.json()["file"], "other.key");
    args[3] = "two words";
    sandbox.run(&args).code(2).stderr_has("--name");
}

#[tokio::test]
async fn cosigned_state_survives_kills() {
    let sandbox = with_key();
    let log = Log::new("entry");
    for size in 1..4 {
        let witness = Running::start(&sandbox, &serve());
        // The client begins without a size each time, and gets it from the witness.
        witness.client().cosign(&log.checkpoint(size), &log).await.unwrap();
        witness.kill();
        let status = sandbox.run(&[&STATUS[..], &["--json"]].concat()).code(0).json();
        assert_eq!(status["origin"], ORIGIN);
        assert_eq!((&status["size"], &status["root"]), (&json!(size), &json!(log.root(size))));
    }
    let witness = Running::start(&sandbox, &serve());
    let older = witness.client().cosign(&log.checkpoint(2), &log).await.unwrap_err();
    assert!(matches!(older, WitnessError::Ahead { witness: 3, size: 2 }), "{older}");
    let run = sandbox.run(&STATUS).code(0);
    assert!(run.out.contains(&format!("log.example/audit  3     {}", log.root(3))), "{run:?}");
}

/// Kills the witness while the log grows: no cosignature is ahead of the state.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_leads_back_behind_no_cosignature() {
    let sandbox = with_key();
    let log = Arc::new(Log::new("entry"));
    let mut saved = 0;
    for round in 1..=8 {
        let witness = Running::start(&sandbox, &serve());
        let (client, grown) = (witness.client(), Arc::clone(&log));
        let (cosigned, mut progress) = watch::channel(saved);
        let growing = tokio::spawn(async move {
            for size in saved + 1.. {
                if client.cosign(&grown.checkpoint(size), &*grown).await.is_err() {
                    return;
                }
                cosigned.send_replace(size);
            }
        });
        progress.wait_for(|size| *size >= saved + round).await.unwrap();
        witness.send_kill();
        growing.await.unwrap();
        let acknowledged = *progress.borrow();
        let status = sandbox.run(&[&STATUS[..], &["--json"]].concat()).code(0).json();
        saved = status["size"].as_u64().unwrap();
        assert!((acknowledged..=acknowledged + 1).contains(&saved), "{saved} of {acknowledged}");
        assert_eq!(status["root"], log.root(saved));
    }
}

#[tokio::test]
async fn fork_is_refused_and_logged_with_both_roots() {
    let sandbox = with_key();
    let (log, fork) = (Log::new("entry"), Log::new("other"));
    let witness = Running::start(&sandbox, &serve());
    witness.client().cosign(&log.checkpoint(2), &log).await.unwrap();
    for (size, expected) in [(2, 409), (3, 422)] {
        let error = witness.client().cosign(&fork.checkpoint(size), &fork).await.unwrap_err();
        assert!(
            matches!(error, WitnessError::Refused { status, .. } if status == expected),
            "{error}"
        );
    }
    witness.client().cosign(&log.checkpoint(4), &log).await.unwrap();
    let (code, lines) = witness.stop(Signal::TERM);
    assert_eq!(code, Some(0), "{lines:?}");
    let errors: Vec<_> = lines.iter().filter(|line| line["level"] == "ERROR").collect();
    assert_eq!(errors.len(), 2, "{lines:?}");
    for (error, size) in errors.iter().zip([2, 3]) {
        assert!(error["message"].as_str().unwrap().starts_with("fork: "), "{error}");
        assert_eq!(error["origin"], ORIGIN);
        assert_eq!((&error["size"], &error["root"]), (&json!(size), &json!(fork.root(size))));
        assert_eq!(error["cosigned_root"], log.root(2));
        // The evidence, as the log has signed it.
        assert_eq!(error["checkpoint"], fork.checkpoint(size).to_string());
    }
    assert_eq!(lines.last().unwrap()["message"], "stopped");
}

#[tokio::test]
async fn list_of_logs_is_read_and_errors_name_the_line() {
    let sandbox = with_key();
    let key = log_key(1).verifier();
    sandbox.file("logs", format!("# the logs\n\n  {key}\n{key}\n"));
    let args =
        ["witness", "serve", "--key-file", "witness.key", "--state", "state", "--log-file", "logs"];
    let args: Vec<String> = args.map(str::to_owned).into();
    let witness = Running::start(&sandbox, &args);
    let log = Log::new("entry");
    witness.client().cosign(&log.checkpoint(1), &log).await.unwrap();
    assert_eq!(witness.stop(Signal::INT).0, Some(0));
    sandbox.file("logs", format!("{key}\nlog.example\n"));
    sandbox.run(&args).code(2).stderr_has("logs, line 2: a verifier key is");
    sandbox.file("logs", "# none\n");
    sandbox.run(&args).code(2).stderr_has("there is no log to cosign for");
    sandbox.file("logs", "#".repeat(2_000_000));
    sandbox.run(&args).code(1).stderr_has("more than 1048576 bytes");
}

#[test]
fn keys_that_cannot_be_used_are_refused() {
    let sandbox = with_key();
    sandbox.run(&serve()[..6]).code(2).stderr_has("--log");
    sandbox.run(&serve_with("--log", "nonsense")).code(2).stderr_has("--log: a verifier key is");
    let witness = sandbox.run(&[&CREATE_KEY[..5], &["other.key"]].concat()).code(0).out;
    let run = sandbox.run(&serve_with("--log", witness.trim_end())).code(2);
    run.stderr_has("is the key of a witness, not of a log");
    sandbox.run(&serve_with("--key-file", "missing")).code(1).stderr_has("missing");
    let only_for_owner = |name: &str, text: &str| {
        let path = sandbox.file(name, text);
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    only_for_owner("damaged.key", "PRIVATE+KEY+nonsense");
    let run = sandbox.run(&serve_with("--key-file", "damaged.key")).code(1);
    assert!(!run.err.contains("nonsense"), "{run:?}");
    only_for_owner("log.key", &log_key(1).to_secret_text());
    let run = sandbox.run(&serve_with("--key-file", "log.key")).code(2);
    run.stderr_has("is the key of a log, not of a witness");
    only_for_owner("large.key", &"x".repeat(1_000_000));
    sandbox.run(&serve_with("--key-file", "large.key")).code(1).stderr_has("4096 bytes");
    for mode in [0o640, 0o604, 0o620] {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(sandbox.path("witness.key"), permissions).unwrap();
        let run = sandbox.run(&serve()).code(1).stderr_has("other users can read the key file");
        run.stderr_has("chmod 600");
    }
    assert!(!sandbox.path("state").exists());
}

#[test]
fn second_process_on_a_directory_exits_with_5() {
    let sandbox = with_key();
    let witness = Running::start(&sandbox, &serve());
    let run = sandbox.run(&[&serve()[..], &["--listen".into(), "127.0.0.1:0".into()]].concat());
    run.code(5).stderr_has("another process uses the state directory state");
    witness.kill();
    drop(Running::start(&sandbox, &serve()));
}

#[tokio::test]
async fn damaged_state_is_reported_and_not_cosigned() {
    let sandbox = with_key();
    let log = Log::new("entry");
    let witness = Running::start(&sandbox, &serve());
    witness.client().cosign(&log.checkpoint(2), &log).await.unwrap();
    assert_eq!(witness.stop(Signal::TERM).0, Some(0));
    let status = sandbox.run(&[&STATUS[..], &["--json"]].concat()).code(0).json();
    let file = status["file"].as_str().unwrap();
    sandbox.file(file, "\u{1b}[2Jdamaged");
    let run = sandbox.run(&STATUS).code(4).stderr_has("1 state file cannot be used");
    assert!(run.err.contains(file) && !run.err.contains('\u{1b}'), "{run:?}");
    let row = sandbox.run(&[&STATUS[..], &["--json"]].concat()).code(4).json();
    assert!(row["error"].is_string(), "{row}");
    let witness = Running::start(&sandbox, &serve());
    let error = witness.client().cosign(&log.checkpoint(3), &log).await.unwrap_err();
    assert!(matches!(error, WitnessError::Refused { status: 500, .. }), "{error}");
    let (_, lines) = witness.stop(Signal::TERM);
    let error = lines.iter().find(|line| line["level"] == "ERROR").unwrap();
    assert!(error["reason"].as_str().unwrap().contains("restore the newest copy"), "{error}");
}

#[test]
fn status_of_an_empty_or_missing_directory() {
    let sandbox = Sandbox::bare();
    sandbox.run(&STATUS).code(1).stderr_has("state");
    fs::create_dir(sandbox.path("state")).unwrap();
    sandbox.run(&STATUS).code(0).stderr_has("nothing was cosigned yet");
}

#[test]
fn settings_of_other_commands_are_not_read() {
    let sandbox = with_key().set("DATABASE_URL", "nonsense").set("AUDITRAIL_LOG_FORMAT", "text");
    sandbox.file("auditrail.toml", "nonsense");
    drop(Running::start(&sandbox, &serve()));
    let sandbox = with_key().set("AUDITRAIL_LOG_FORMAT", "xml");
    sandbox.run(&serve()).code(2).stderr_has("AUDITRAIL_LOG_FORMAT");
    sandbox.run(&serve_with("--log", "x")).code(2);
    let args = [&serve()[..], &["--listen".into(), "8099".into()]].concat();
    with_key().run(&args).code(2).stderr_has("--listen");
}
