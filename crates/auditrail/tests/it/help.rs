//! The help, the completions and the manual.

use std::fs;
use std::path::Path;

use crate::program::Desk;

const COMMANDS: [&[&str]; 28] = [
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
    &["export"],
    &["import"],
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

/// A change of the help is a change of what people rely on, so it shows in a review. To accept one,
/// run this test with `AUDITRAIL_BLESS=1`.
#[test]
fn the_help_is_what_is_committed() {
    let desk = Desk::bare();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/help");
    for command in COMMANDS {
        let mut args = command.to_vec();
        args.push("--help");
        let help = desk.run(&args).code(0).out;
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
    let desk = Desk::bare();
    for command in COMMANDS {
        let mut args = command.to_vec();
        args.push("--help");
        desk.run(&args).code(0).prints("Examples:").prints("auditrail ");
    }
}

#[test]
fn wrong_arguments_end_with_2_and_a_suggestion() {
    let desk = Desk::bare();
    desk.run(&["quer"]).code(2).says("query");
    desk.run(&["log", "--actor", "user:u1"]).code(2).says("--action");
    desk.run::<&str>(&[]).code(2);
    let run = desk.run(&["--json", "quer"]).code(2);
    assert_eq!(run.error_code(), "usage");
    assert_eq!(run.out, "");
}

#[test]
fn completions_are_printed_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        Desk::bare().run(&["completions", shell]).code(0).prints("auditrail");
    }
    Desk::bare().run(&["completions", "tcsh"]).code(2);
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let desk = Desk::bare();
    desk.run(&["man"]).code(0).prints(".TH auditrail 1");
    desk.run(&["man", "--output", "pages"]).code(0);
    for page in ["auditrail.1", "auditrail-migrate-status.1", "auditrail-import.1"] {
        let text = fs::read_to_string(desk.path("pages").join(page)).unwrap();
        assert!(text.contains("Examples:"), "{page}");
    }
}
