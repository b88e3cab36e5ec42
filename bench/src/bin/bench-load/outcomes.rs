//! Files with the outcomes of identified requests, for counting lost records.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::error::Error;
use crate::requests::Requests;

/// Writes the ids of these requests, one on each line.
pub(crate) fn ids(to: &Path, requests: &Requests, numbers: &[u64]) -> Result<(), Error> {
    let mut file = BufWriter::new(File::create(to)?);
    for id in numbers.iter().filter_map(|n| requests.id(*n)) {
        writeln!(file, "{id}")?;
    }
    Ok(file.flush()?)
}

/// Writes the records of these requests, one on each line.
pub(crate) fn bodies(to: &Path, requests: &Requests, numbers: &[u64]) -> Result<(), Error> {
    let mut file = BufWriter::new(File::create(to)?);
    for n in numbers {
        file.write_all(&requests.body(*n))?;
        file.write_all(b"\n")?;
    }
    Ok(file.flush()?)
}
