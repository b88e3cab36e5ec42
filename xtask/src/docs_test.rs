//! `cargo xtask docs-test`: runs the commands of README.md and docs/.
//!
//! The `sh` blocks of a page are one script, which runs in an empty directory with the program on `PATH`
//! and a private database. Lines that call `cargo xtask` are parsed but not run; a test of the benchmarks
//! parses those of `cargo xtask bench`.

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
            run_script(workspace, &script)?;
        }
    }
    Ok(())
}

/// The installation in README.md. The scripts run the same package, which is on their `PATH`.
const INSTALL: &str = "cargo install --locked --path crates/auditrail";

/// The lines of all `sh` blocks, without those of `cargo xtask`, which are checked here, and [`INSTALL`].
fn script(markdown: &str) -> std::result::Result<String, String> {
    let mut script = String::new();
    for block in code_blocks(markdown).iter().filter(|block| block.language == "sh") {
        for line in block.text.lines() {
            if let Some(args) = line.strip_prefix("cargo xtask") {
                // These lines use no quoting.
                let args = args.split(" #").next().unwrap_or_default().split_whitespace();
                Cli::try_parse_from(["cargo xtask"].into_iter().chain(args))
                    .map_err(|error| format!("`{line}` is not a command of xtask\n{error}"))?;
            } else if line != INSTALL && !line.trim().is_empty() {
                script.push_str(line);
                script.push('\n');
            }
        }
    }
    Ok(script)
}

fn run_script(workspace: &Workspace, script: &str) -> Result<()> {
    let postgres = postgres::ensure(workspace)?;
    let program = db::build(workspace)?;
    let scratch = tempfile::tempdir().map_err(Error::doing("create a directory"))?;
    let data = scratch.path().join("data");
    let result = Sh::new("sh")
        .args(["-e", "-u", "-c", script])
        .path_first(program.parent().unwrap_or(Path::new("/")))
        .env(postgres::BIN, &postgres.bin)
        .env("AUDITRAIL_DATA_DIR", &data)
        .dir(scratch.path())
        .quietly();
    // A server must not outlive its data directory.
    let stopped = Sh::new(program).arg("--data-dir").arg(&data).args(["db", "stop"]).works();
    result.map_err(|error| {
        let hint = if stopped { "" } else { " (its private database could not be stopped either)" };
        Error::Refused(format!("{error}{hint}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_consists_of_sh_blocks() {
        let page =
            "```sh\na=1\n```\n```text\nnot me\n```\n```sh\ncargo xtask test  # all\necho $a\n```\n";
        assert_eq!(script(page).unwrap(), "a=1\necho $a\n");
        assert_eq!(script(&format!("```sh\n{INSTALL}\n```\n")).unwrap(), "");
    }

    #[test]
    fn unknown_xtask_command_is_refused() {
        let reason = script("```sh\ncargo xtask tset\n```\n").unwrap_err();
        assert!(reason.starts_with("`cargo xtask tset` is not a command of xtask"), "{reason}");
    }
}
