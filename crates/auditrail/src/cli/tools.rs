//! Arguments of `completions` and `man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail completions bash > ~/.local/share/bash-completion/completions/auditrail
  auditrail completions zsh > \"${fpath[1]}/_auditrail\"
  auditrail completions fish > ~/.config/fish/completions/auditrail.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

/// Print the manual page, or write one for every command
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  auditrail man | man -l -
  auditrail man --output ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Write auditrail.1, auditrail-migrate.1 and so on to this directory
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}
