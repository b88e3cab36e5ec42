//! Holds a private PostgreSQL open until end of standard input.
//!
//! ```text
//! hold DIR [--bin-dir DIR] [--linger SECONDS] [--writers N]
//! ```
//!
//! Prints `open PID URL` once the server is open, and `closed` at the end. With `--writers` it also writes rows
//! over N connections and prints `ack ID` for each acknowledged one, which the tests of the crate check after
//! killing it.

use std::error::Error;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use local_postgres::{Config, LocalPostgres, Search};

struct Args {
    dir: PathBuf,
    bin_dir: Option<PathBuf>,
    linger: u64,
    writers: u32,
}

fn main() -> ExitCode {
    let Err(error) = hold() else {
        return ExitCode::SUCCESS;
    };
    let mut text = format!("error: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    io::stderr().write_all(format!("{text}\n").as_bytes()).ok();
    ExitCode::FAILURE
}

fn hold() -> Result<(), Box<dyn Error>> {
    let args = args()?;
    let config = Config::new(args.dir)
        .search(Search::usual().with_bin_dir(args.bin_dir))
        .linger(Duration::from_secs(args.linger))
        .on_event(|event| print(&format!("event {event}")));
    let database = LocalPostgres::open(config)?;
    print(&format!("open {} {}", database.postmaster_pid(), database.url("postgres")));
    for writer in 0..args.writers {
        let url = database.url("postgres");
        std::thread::spawn(move || {
            if let Err(error) = write(&url, writer) {
                print(&format!("writer {error}"));
            }
        });
    }
    io::stdin().read_to_end(&mut Vec::new())?;
    database.close()?;
    print("closed");
    Ok(())
}

/// Inserts rows one by one until the server stops. An id consists of the process id, the number of the writer
/// and a counter, so it is unique.
fn write(url: &str, writer: u32) -> Result<(), postgres::Error> {
    let mut client = postgres::Client::connect(url, postgres::NoTls)?;
    let insert = client.prepare("insert into written (id) values ($1)")?;
    for count in 0_i64.. {
        let id = (i64::from(std::process::id()) * 100 + i64::from(writer)) * 1_000_000_000 + count;
        client.execute(&insert, &[&id])?;
        print(&format!("ack {id}"));
    }
    Ok(())
}

/// Writes a line in one call, so that a kill does not leave a partial line.
fn print(line: &str) {
    // A closed reader is not an error.
    io::stdout().write_all(format!("{line}\n").as_bytes()).ok();
}

fn args() -> Result<Args, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let dir =
        arguments.next().ok_or("usage: hold DIR [--bin-dir DIR] [--linger S] [--writers N]")?;
    let mut args = Args { dir: dir.into(), bin_dir: None, linger: 0, writers: 0 };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("an option requires a value")?;
        let number = || value.to_str().unwrap_or_default().parse::<u32>();
        match name.to_str() {
            Some("--bin-dir") => args.bin_dir = Some(value.clone().into()),
            Some("--linger") => args.linger = number()?.into(),
            Some("--writers") => args.writers = number()?,
            _ => return Err(format!("unknown option {}", name.display()).into()),
        }
    }
    Ok(args)
}
