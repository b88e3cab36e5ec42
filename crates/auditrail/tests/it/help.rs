//! Help texts, completions and manual pages.

use std::fs;
use std::path::Path;

use crate::sandbox::Sandbox;

const COMMANDS: [&[&str]; 70] = [
    &[],
    &["serve"],
    &["migrate"],
    &["migrate", "status"],
    &["migrate", "verify"],
    &["migrate", "baseline"],
    &["migrate", "sql"],
    &["migrate", "down"],
    &["migrate", "grants"],
    &["log"],
    &["query"],
    &["show"],
    &["stats"],
    &["tail"],
    &["export"],
    &["import"],
    &["sequence"],
    &["partition"],
    &["partition", "status"],
    &["partition", "adopt"],
    &["partition", "run"],
    &["partition", "close"],
    &["partition", "merge"],
    &["retention"],
    &["retention", "set"],
    &["retention", "list"],
    &["retention", "remove"],
    &["retention", "run"],
    &["archive"],
    &["archive", "list"],
    &["archive", "verify"],
    &["archive", "restore"],
    &["hold"],
    &["hold", "create"],
    &["hold", "list"],
    &["hold", "release"],
    &["erase"],
    &["evidence"],
    &["evidence", "export"],
    &["verify"],
    &["verify", "proof"],
    &["verify", "db"],
    &["verify", "pack"],
    &["verify", "log"],
    &["verify", "consistency"],
    &["witness"],
    &["witness", "create-key"],
    &["witness", "serve"],
    &["witness", "status"],
    &["log-key"],
    &["log-key", "create"],
    &["log-key", "show"],
    &["log-key", "rotate"],
    &["log-key", "retire"],
    &["log-key", "recover"],
    &["key"],
    &["key", "create"],
    &["key", "list"],
    &["key", "revoke"],
    &["db"],
    &["db", "start"],
    &["db", "stop"],
    &["db", "status"],
    &["db", "url"],
    &["db", "psql"],
    &["config"],
    &["config", "check"],
    &["config", "show"],
    &["completions"],
    &["man"],
];

/// The help texts are part of the interface, so changes show up in a review. To accept a change, run this
/// test with `AUDITRAIL_BLESS=1`.
#[test]
fn help_matches_the_snapshots() {
    let sandbox = Sandbox::bare();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/help");
    for command in COMMANDS {
        let mut args = command.to_vec();
        args.push("--help");
        let help = sandbox.run(&args).code(0).out;
        let name = ["auditrail"].iter().chain(command).copied().collect::<Vec<_>>();
        let file = dir.join(format!("{}.txt", name.join("-")));
        if std::env::var_os("AUDITRAIL_BLESS").is_some() {
            fs::write(&file, &help).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(help, expected, "the help of {name:?} is not {}", file.display());
    }
}

#[test]
fn every_command_has_examples() {
    let sandbox = Sandbox::bare();
    for command in COMMANDS {
        let mut args = command.to_vec();
        args.push("--help");
        sandbox.run(&args).code(0).stdout_has("Examples:").stdout_has("auditrail ");
    }
}

#[test]
fn help_is_a_command() {
    let sandbox = Sandbox::bare();
    for command in COMMANDS {
        let asked = sandbox.run(&[&["help"], command].concat()).code(0).out;
        let flag = sandbox.run(&[command, &["--help"]].concat()).code(0).out;
        assert_eq!(asked, flag, "{command:?}");
    }
    sandbox.run(&["help", "nothing"]).code(2).stderr_has("nothing");
}

#[test]
fn usage_errors_exit_with_2() {
    let sandbox = Sandbox::bare();
    sandbox.run(&["quer"]).code(2).stderr_has("query");
    sandbox.run(&["log", "--actor", "user:u1"]).code(2).stderr_has("--action");
    sandbox.run::<&str>(&[]).code(2);
    let run = sandbox.run(&["--json", "quer"]).code(2);
    assert_eq!(run.error_code(), "usage");
    assert_eq!(run.out, "");
}

#[test]
fn completions_cover_five_shells() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        Sandbox::bare().run(&["completions", shell]).code(0).stdout_has("auditrail");
    }
    Sandbox::bare().run(&["completions", "tcsh"]).code(2);
}

#[test]
fn manual_has_a_page_per_command() {
    let sandbox = Sandbox::bare();
    sandbox.run(&["man"]).code(0).stdout_has(".TH auditrail 1");
    sandbox.run(&["man", "--output", "pages"]).code(0);
    for page in ["auditrail.1", "auditrail-migrate-status.1", "auditrail-import.1"] {
        let text = fs::read_to_string(sandbox.path("pages").join(page)).unwrap();
        assert!(text.contains("Examples:"), "{page}");
    }
}

#[test]
fn help_and_usage_errors_follow_the_colour() {
    let sandbox = Sandbox::bare();
    let escape = '\u{1b}';
    assert!(sandbox.run(&["--help", "--color", "always"]).code(0).out.contains(escape));
    assert!(sandbox.run(&["quer", "--color=always"]).code(2).err.contains(escape));
    assert!(!sandbox.run(&["--help"]).code(0).out.contains(escape));
    assert!(!sandbox.run(&["quer"]).code(2).err.contains(escape));
}

#[test]
fn values_of_flags_are_completed() {
    let script = Sandbox::bare().run(&["completions", "bash"]).code(0).out;
    for values in
        ["write read export admin", "user system api_key", "success failure denied unknown"]
    {
        assert!(script.contains(values), "{values}");
    }
}
