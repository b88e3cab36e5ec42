//! Command-line arguments and their help texts.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help text, which people read without Markdown"
)]

mod archive;
mod config;
mod db;
mod erase;
mod evidence;
mod export;
mod filters;
mod hold;
mod import;
mod key;
mod listed;
mod log;
mod log_key;
mod migrate;
mod partition;
mod query;
mod retention;
mod sequence;
mod serve;
mod show;
mod stats;
mod tail;
mod tools;
mod verify;
mod witness;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use archive::{ArchiveCommand, ArchiveRestoreArgs};
pub(crate) use config::ConfigCommand;
pub(crate) use db::{DbCommand, PsqlArgs};
pub(crate) use erase::EraseArgs;
pub(crate) use evidence::{EvidenceCommand, EvidenceExportArgs};
pub(crate) use export::{ExportArgs, ExportFormat};
pub(crate) use filters::FilterArgs;
pub(crate) use hold::{HoldCommand, HoldCreateArgs, HoldListArgs, HoldReleaseArgs};
pub(crate) use import::{ImportArgs, ImportFormat};
pub(crate) use key::{KeyCommand, KeyCreateArgs, KeyRevokeArgs};
pub(crate) use log::LogArgs;
pub(crate) use log_key::{
    LogKeyArgs, LogKeyCommand, LogKeyCreateArgs, LogKeyRecoverArgs, LogKeyShowArgs,
};
pub(crate) use migrate::{
    DownArgs, GrantsArgs, MigrateArgs, MigrateCommand, SqlArgs, StatusArgs, UpArgs,
};
pub(crate) use partition::{LockArgs, PartitionCommand};
pub(crate) use query::{CountArg, OrderArg, QueryArgs};
pub(crate) use retention::{
    RetentionCommand, RetentionRemoveArgs, RetentionRunArgs, RetentionSetArgs,
};
pub(crate) use sequence::SequenceArgs;
pub(crate) use serve::ServeArgs;
pub(crate) use show::ShowArgs;
pub(crate) use stats::StatsArgs;
pub(crate) use tail::TailArgs;
pub(crate) use tools::{CompletionsArgs, ManArgs};
pub(crate) use verify::{
    HttpArgs, PolicyArgs, VerifyCommand, VerifyConsistencyArgs, VerifyDbArgs, VerifyLogArgs,
    VerifyPackArgs, VerifyProofArgs,
};
pub(crate) use witness::{
    WitnessCommand, WitnessCreateKeyArgs, WitnessServeArgs, WitnessStatusArgs,
};

/// Fixed, so that the help does not depend on the width of the terminal.
const HELP_WIDTH: usize = 100;

/// The audit log of a control plane: who did what to what, from where and when.
///
/// The log is a table in your own PostgreSQL. Without a database URL, each command starts a private
/// PostgreSQL and stops it at the end; no set-up is needed.
#[derive(Debug, Parser)]
#[command(
    name = "auditrail",
    version,
    max_term_width = HELP_WIDTH,
    after_help = "Examples:
  auditrail serve
  auditrail migrate
  auditrail log --actor user:u1 --action project.created --target project:p1
  auditrail query --action 'project.*' --since 7d
  auditrail import --format cloudtrail trail/*.json.gz

`auditrail COMMAND --help` has examples for each command.
Exit codes: 0 success, 1 failure, 2 usage error, 3 migrations pending, 4 verification failure
(checksum, order, schema drift or proof), 5 lock timeout, 6 database unreachable."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command. Precedence: flag, environment, `.env`, `auditrail.toml`, default.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Database URL, as postgres://USER@HOST/DATABASE. Without one, commands use a private PostgreSQL in
    /// the data directory [env: DATABASE_URL, or DATABASE_URL_FILE for a file that contains it]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// Data directory of the private PostgreSQL [env: AUDITRAIL_DATA_DIR] [default: the user's
    /// data directory]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Directory of the PostgreSQL binaries for the private PostgreSQL [env: AUDITRAIL_PG_BIN]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) pg_bin: Option<PathBuf>,
    /// Configuration file [env: AUDITRAIL_CONFIG] [default: ./auditrail.toml, if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print only JSON on stdout: one document, or one line per record
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print only results and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// When to use colour; auto follows the terminal and NO_COLOR
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorArg,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorArg {
    /// Only on a terminal, unless NO_COLOR is set.
    Auto,
    /// Also in a pipe or a file.
    Always,
    /// Not even on a terminal.
    Never,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(ServeArgs),
    Migrate(MigrateArgs),
    Log(LogArgs),
    Query(QueryArgs),
    Show(ShowArgs),
    Stats(StatsArgs),
    Tail(TailArgs),
    Export(ExportArgs),
    Import(ImportArgs),
    Sequence(SequenceArgs),
    #[command(subcommand)]
    Partition(PartitionCommand),
    #[command(subcommand)]
    Retention(RetentionCommand),
    #[command(subcommand)]
    Archive(ArchiveCommand),
    #[command(subcommand)]
    Hold(HoldCommand),
    Erase(EraseArgs),
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    #[command(subcommand)]
    Verify(VerifyCommand),
    #[command(subcommand)]
    LogKey(LogKeyCommand),
    #[command(subcommand)]
    Witness(WitnessCommand),
    #[command(subcommand)]
    Key(KeyCommand),
    #[command(subcommand)]
    Db(DbCommand),
    #[command(subcommand)]
    Config(ConfigCommand),
    Completions(CompletionsArgs),
    Man(ManArgs),
}
