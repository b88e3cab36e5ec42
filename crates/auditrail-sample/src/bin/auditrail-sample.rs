//! Writes the sample to a file or standard output.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use auditrail_sample::{DEFAULT_SEED, DEFAULT_START, Sample, write_repeated};
use clap::{Parser, ValueEnum};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use jiff::civil::Date;

/// Write a realistic month of a control plane: the same for the same seed and size.
///
/// Samples of 200 records or more contain an incident: an API key leaks, is used for one night from a
/// network of its own, and is revoked in the morning.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Examples:
  auditrail-sample --records 20000 --output month.ndjson
  auditrail-sample --records 5000 --format cloudtrail --gzip --output trail.ndjson.gz
  auditrail-sample --records 1000000 | auditrail import --format ndjson -
  auditrail-sample --records 1000000 --repeat real.ndjson.gz --output more.ndjson"
)]
struct Args {
    /// Number of records.
    #[arg(long, default_value_t = 20_000)]
    records: u64,
    /// The seed; another one gives another month of the same people.
    #[arg(long, default_value_t = DEFAULT_SEED)]
    seed: u64,
    /// First of the thirty days.
    #[arg(long, default_value_t = DEFAULT_START)]
    start: Date,
    /// The format.
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
    /// Repeat the records of this NDJSON file, plain or .gz, with other ids and earlier times.
    #[arg(long, conflicts_with_all = ["seed", "start", "format"])]
    repeat: Option<PathBuf>,
    /// Compress with gzip.
    #[arg(long)]
    gzip: bool,
    /// The output file; `-` is standard output.
    #[arg(long, default_value = "-")]
    output: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Records, one JSON object a line.
    Ndjson,
    /// CloudTrail records, one a line.
    Cloudtrail,
    /// One `{"Records": […]}` document, as AWS delivers them.
    CloudtrailRecords,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        // `auditrail-sample | head` is not a failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "a command-line program reports its errors")]
            {
                eprintln!("auditrail-sample: cannot write {}: {error}", args.output.display());
            }
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> io::Result<()> {
    let sample = Sample::new(args.seed, args.records)
        .starting(args.start)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    if args.output.as_os_str() == "-" {
        write(&sample, args, io::stdout().lock())
    } else {
        write(&sample, args, File::create(&args.output)?)
    }
}

fn write(sample: &Sample, args: &Args, to: impl Write) -> io::Result<()> {
    let mut to = BufWriter::with_capacity(1 << 16, to);
    if args.gzip {
        let mut gzip = GzEncoder::new(&mut to, Compression::default());
        encode(sample, args, &mut gzip)?;
        gzip.finish()?;
    } else {
        encode(sample, args, &mut to)?;
    }
    to.flush()
}

fn encode(sample: &Sample, args: &Args, to: impl Write) -> io::Result<()> {
    if let Some(file) = &args.repeat {
        return write_repeated(open(file)?, args.records, to);
    }
    match args.format {
        Format::Ndjson => sample.write_ndjson(to),
        Format::Cloudtrail => sample.write_cloudtrail(to),
        Format::CloudtrailRecords => sample.write_cloudtrail_records(to),
    }
}

fn open(file: &Path) -> io::Result<Box<dyn BufRead>> {
    let opened = File::open(file)?;
    Ok(if file.extension().is_some_and(|extension| extension == "gz") {
        Box::new(BufReader::new(MultiGzDecoder::new(opened)))
    } else {
        Box::new(BufReader::new(opened))
    })
}
