//! Repeating the records of a file, to make a larger log with their real distributions.

use std::io::{self, BufRead, Write};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Builder;

/// Writes a number of records as NDJSON, repeating those of `lines`.
///
/// The last repetition has the times of the file, each earlier one ends before the next begins. Ids are
/// distinct, version 7 of their time, and the same in every run.
///
/// # Errors
/// If reading or writing fails, or a line is not a record with `created_at`.
pub fn write_repeated(lines: impl BufRead, records: u64, mut to: impl Write) -> io::Result<()> {
    let mut all = Vec::new();
    for line in lines.lines() {
        all.push(timed(&line?)?);
    }
    let times = || all.iter().map(|(time, _)| *time);
    let (Some(first), Some(last)) = (times().min(), times().max()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "there are no records to repeat"));
    };
    let turn = last.duration_since(first).saturating_add(SignedDuration::from_secs(1));
    let length = all.len() as u64;
    for left in (0..records).rev() {
        let (turns, place) = (left / length, length - 1 - left % length);
        let (time, mut record) = all[usize::try_from(place).unwrap_or(usize::MAX)].clone();
        let back = i32::try_from(turns).ok().and_then(|turns| turn.checked_mul(turns));
        let shifted = back.and_then(|back| time.checked_sub(back).ok());
        let time = shifted.ok_or_else(|| io::Error::other("the times are out of range"))?;
        record["id"] = json!(id(time, left));
        record["created_at"] = json!(time);
        writeln!(to, "{record}")?;
    }
    Ok(())
}

fn timed(line: &str) -> io::Result<(Timestamp, Value)> {
    let record: Value = serde_json::from_str(line)?;
    let time = record["created_at"].as_str().and_then(|time| time.parse().ok());
    let time = time.ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("no time in the record {line}"))
    })?;
    Ok((time, record))
}

fn id(time: Timestamp, number: u64) -> uuid::Uuid {
    let mut random = [0; 10];
    random.copy_from_slice(&Sha256::digest(number.to_be_bytes())[..10]);
    let millis = u64::try_from(time.as_millisecond()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "{\"actor_id\":\"a\",\"created_at\":\"2026-01-01T00:00:00Z\"}\n\
                       {\"actor_id\":\"b\",\"created_at\":\"2026-01-01T02:00:00+01:00\"}\n";

    fn repeated(records: u64) -> Vec<Value> {
        let mut out = Vec::new();
        write_repeated(TWO.as_bytes(), records, &mut out).unwrap();
        out.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    #[test]
    fn earlier_repetitions_have_earlier_times_and_distinct_ids() {
        let all = repeated(5);
        let field = |name: &str| all.iter().map(|r| r[name].as_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(field("actor_id"), ["b", "a", "b", "a", "b"]);
        let times = field("created_at");
        assert_eq!(times[1..3], ["2025-12-31T22:59:59Z", "2025-12-31T23:59:59Z"]);
        assert_eq!(times[3..], ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"]);
        let ids = field("id");
        assert!(ids.is_sorted() && ids.windows(2).all(|two| two[0] != two[1]));
        assert_eq!(repeated(5), all);
    }

    #[test]
    fn empty_input_is_refused() {
        assert!(write_repeated(&b""[..], 1, Vec::new()).is_err());
        assert!(write_repeated(&b"{\"actor_id\":\"a\"}\n"[..], 1, Vec::new()).is_err());
    }
}
