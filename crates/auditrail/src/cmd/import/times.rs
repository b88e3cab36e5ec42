//! Times in other forms than RFC 3339, as other products write them.

use auditrail_core::RecordTime;
use jiff::Timestamp;
use jiff::fmt::{rfc2822, strtime};

/// Digits of the first and last number of seconds that is taken for a time: from 1973 to 5138. In this range
/// the number of digits distinguishes seconds, milliseconds, microseconds and nanoseconds.
const SECONDS_DIGITS: (usize, usize) = (9, 11);
/// The units of a number of each length, in powers of ten: milliseconds have three digits more.
const UNITS: [(usize, u32); 4] = [(0, 9), (3, 6), (6, 3), (9, 0)];

/// Parses a time in one of these forms; all of them say which time zone is meant:
///
/// - seconds since 1970 with or without a fraction, milliseconds, microseconds or nanoseconds;
/// - RFC 3339 with an offset such as `+0000` or `+00`, with `UTC` or `GMT`, with a space before the offset,
///   with a comma before the fraction, or without seconds;
/// - RFC 2822 (`Fri, 02 Jan 2026 03:04:05 +0000`) and the form of web servers
///   (`02/Jan/2026:03:04:05 +0000`).
pub(super) fn parse(text: &str) -> Option<RecordTime> {
    let text = text.trim();
    let time = since_epoch(text)
        .or_else(|| near_rfc3339(text))
        .or_else(|| rfc2822::parse(text).ok().map(|time| time.timestamp()))
        .or_else(|| {
            let time = strtime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok()?;
            time.to_timestamp().ok()
        })?;
    RecordTime::new(time).ok()
}

/// A number of seconds, milliseconds, microseconds or nanoseconds since 1970.
fn since_epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.starts_with('0') || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let (min, max) = SECONDS_DIGITS;
    let (_, exponent) =
        UNITS.into_iter().find(|(more, _)| (min + more..=max + more).contains(&whole.len()))?;
    let unit = 10_i128.pow(exponent);
    let places = exponent as usize;
    let digits = fraction.get(..fraction.len().min(places))?;
    let part: i128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    let part = part * 10_i128.pow(exponent - u32::try_from(digits.len()).ok()?);
    let nanoseconds = whole.parse::<i128>().ok()? * unit + part;
    Timestamp::from_nanosecond(nanoseconds).ok()
}

/// A time that differs from RFC 3339 in its separators, its offset or its missing seconds.
fn near_rfc3339(text: &str) -> Option<Timestamp> {
    // Go prints `+0000 UTC`.
    let zones = ["UTC", "GMT", "Z", "utc", "gmt", "z"];
    let zone = zones.iter().find_map(|zone| text.strip_suffix(zone));
    let (local, offset) = match zone.map(str::trim_end) {
        Some(rest) => split_offset(rest).unwrap_or((rest, "+00:00".to_owned())),
        None => split_offset(text)?,
    };
    let local = local.trim_end().replace(',', ".").replacen(' ', "T", 1);
    let is_local = local.len() >= 16
        && local.is_ascii()
        && local.as_bytes()[4] == b'-'
        && local.as_bytes()[13] == b':';
    let minutes_only = local.len() == 16;
    let seconds = if minutes_only { ":00" } else { "" };
    let time = format!("{local}{seconds}{offset}");
    is_local.then(|| time.parse::<RecordTime>().ok().map(RecordTime::timestamp)).flatten()
}

/// Splits `+00`, `+0000` or `+00:00` from the end, and returns it as `+00:00`.
fn split_offset(text: &str) -> Option<(&str, String)> {
    let at = text.rfind(['+', '-'])?;
    // A hyphen of the date is further ahead.
    let (local, offset) = text.split_at_checked(at).filter(|_| at >= 16)?;
    let (sign, digits) = offset.split_at(1);
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    match (is_number, digits.len()) {
        (true, 2) => Some((local, format!("{sign}{digits}:00"))),
        (true, 4) => Some((local, format!("{sign}{}:{}", &digits[..2], &digits[2..]))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_other_products_are_read() {
        for (text, expected) in [
            ("2026-01-02T03:04:05+0000", "2026-01-02T03:04:05.000000Z"),
            ("2026-01-02T03:04:05.678-0830", "2026-01-02T11:34:05.678000Z"),
            ("2026-01-02 03:04:05 UTC", "2026-01-02T03:04:05.000000Z"),
            ("2026-01-02 03:04:05.123456 UTC", "2026-01-02T03:04:05.123456Z"),
            ("2026-01-02 03:04:05 +0100", "2026-01-02T02:04:05.000000Z"),
            ("2026-01-02 03:04:05.5 +0000 UTC", "2026-01-02T03:04:05.500000Z"),
            ("2026-01-02 03:04:05,678+00", "2026-01-02T03:04:05.678000Z"),
            ("2026-01-02T03:04Z", "2026-01-02T03:04:00.000000Z"),
            ("1767323045", "2026-01-02T03:04:05.000000Z"),
            ("1767323045.25", "2026-01-02T03:04:05.250000Z"),
            ("1767323045678", "2026-01-02T03:04:05.678000Z"),
            ("1767323045678.5", "2026-01-02T03:04:05.678500Z"),
            ("1767323045678901", "2026-01-02T03:04:05.678901Z"),
            ("1767323045678901234", "2026-01-02T03:04:05.678901Z"),
            ("Fri, 02 Jan 2026 03:04:05 +0000", "2026-01-02T03:04:05.000000Z"),
            ("02/Jan/2026:03:04:05 +0000", "2026-01-02T03:04:05.000000Z"),
        ] {
            let time = parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(time.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn ambiguous_and_invalid_times_are_refused() {
        for text in [
            "",
            "0",
            "5",
            "1767323",
            "-1767323045",
            "1.7e12",
            "2026-01-02 03:04:05",
            "2026-01-02T03:04:05 PST",
            "2026-01-02 03:04:05 Europe/Berlin",
            "2026-13-02T03:04:05+0000",
            "2026-01-02",
            "01/02/2026 03:04:05 +0000",
            "yesterday",
            "１767323045",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
