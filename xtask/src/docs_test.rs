//! `cargo xtask docs-test`: the commands that our pages tell people to run do run.
//!
//! All `sh` blocks of one page are one script, run in an empty directory with our program on
//! `PATH` and a private database of its own. A line that calls `cargo xtask` is only parsed: it
//! would run us again.

use std::fs;
use std::path::Path;

use clap::Parser as _;

use crate::code_blocks::{code_blocks, is_guide};
use crate::error::{Error, Result};
use crate::sh::Sh;
use crate::workspace::Workspace;
use crate::{Cli, db, postgres};

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    for path in workspace.files()?.iter().filter(|path| is_guide(path)) {
        let text = fs::read_to_string(workspace.root().join(path));
        let text = text.map_err(Error::doing(format!("read {}", path.display())))?;
        let script = script(&text)
            .map_err(|reason| Error::Refused(format!("{}: {reason}", path.display())))?;
        if !script.is_empty() {
            println!("running the commands of {}", path.display());
            play(workspace, &script)?;
        }
    }
    Ok(())
}

/// The lines of all `sh` blocks, without those that call us, which are checked here.
fn script(markdown: &str) -> std::result::Result<String, String> {
    let mut script = String::new();
    for fence in code_blocks(markdown).iter().filter(|fence| fence.language == "sh") {
        for line in fence.text.lines() {
            if let Some(args) = line.strip_prefix("cargo xtask") {
                // Comments and quoting are for a shell; ours are plain words.
                let args = args.split(" #").next().unwrap_or_default().split_whitespace();
                Cli::try_parse_from(["cargo xtask"].into_iter().chain(args))
                    .map_err(|error| format!("`{line}` is not a command of ours\n{error}"))?;
            } else if !line.trim().is_empty() {
                script.push_str(line);
                script.push('\n');
            }
        }
    }
    Ok(script)
}

fn play(workspace: &Workspace, script: &str) -> Result<()> {
    let postgres = postgres::ensure(workspace)?;
    let program = db::build(workspace)?;
    let scratch = tempfile::tempdir().map_err(Error::doing("make a directory"))?;
    let data = scratch.path().join("data");
    let played = Sh::new("sh")
        .args(["-e", "-u", "-c", script])
        .path_first(program.parent().unwrap_or(Path::new("/")))
        .env(postgres::BIN, &postgres.bin)
        .env("AUDITRAIL_DATA_DIR", &data)
        .dir(scratch.path())
        .quietly();
    // Not part of the page: no server may outlive its directory.
    let stopped = Sh::new(program).arg("--data-dir").arg(&data).args(["db", "stop"]).works();
    played.map_err(|error| {
        let hint = if stopped { "" } else { " (its private database could not be stopped either)" };
        Error::Refused(format!("{error}{hint}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sh_blocks_become_one_script_and_others_are_left_out() {
        let page =
            "```sh\na=1\n```\n```text\nnot me\n```\n```sh\ncargo xtask test  # all\necho $a\n```\n";
        assert_eq!(script(page).unwrap(), "a=1\necho $a\n");
    }

    #[test]
    fn a_command_we_do_not_have_is_found() {
        let reason = script("```sh\ncargo xtask tset\n```\n").unwrap_err();
        assert!(reason.starts_with("`cargo xtask tset` is not a command of ours"), "{reason}");
    }
}
