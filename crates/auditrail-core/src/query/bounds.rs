//! The bounds of a range of time, as parameters.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::error::ValueError;
use crate::time::RecordTime;

/// A bound, and whether it depends on the time at which it was parsed.
pub(super) struct Bound {
    pub(super) time: RecordTime,
    pub(super) is_relative: bool,
}

/// Parses a bound: an RFC 3339 time, a date, which means its midnight in UTC, or a duration before `now`
/// such as `7d`.
///
/// The plus sign of an offset may be a blank, which is how a query string decodes it unless it was escaped.
pub(super) fn parse(text: &str, now: Timestamp) -> Result<Bound, ValueError> {
    if let Some(span) = duration(text) {
        return ago(span, now).map(|time| Bound { time, is_relative: true });
    }
    let is_date = text.len() == 10 && !text.contains(['T', 't', ' ']);
    let time = if is_date { format!("{text}T00:00:00Z").parse() } else { with_plus(text).parse() };
    let time: RecordTime = time.map_err(|error| match error {
        ValueError::BadFormat { .. } => BAD_FORMAT,
        other => other,
    })?;
    Ok(Bound { time, is_relative: false })
}

const BAD_FORMAT: ValueError = ValueError::BadFormat {
    expected: "an RFC 3339 time, a date or a duration ago, such as 2026-01-02T03:04:05Z, 2026-01-02, 24h \
               or 7d (in a URL, the + of an offset is %2B)",
};

/// A duration without sign: `24h`, `7d`, `1h 30m`, `2 weeks`, each with or without `ago`; `P7D`.
fn duration(text: &str) -> Option<Span> {
    let text = text.trim_end_matches(" ago");
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, 'P' | 'p'));
    let is_time = text.contains(':') || text.matches('-').count() > 1;
    if !starts || is_time {
        return None;
    }
    text.parse::<Span>().ok().filter(|span| !span.is_negative())
}

/// The time a duration before `now`. Days, weeks, months and years are those of the calendar in UTC.
fn ago(span: Span, now: Timestamp) -> Result<RecordTime, ValueError> {
    let time = now.to_zoned(TimeZone::UTC).checked_sub(span).map_err(|_| TOO_LONG)?;
    RecordTime::new(time.timestamp())
}

const TOO_LONG: ValueError = ValueError::OutOfRange { range: "between the years 0001 and 9999" };

/// Replaces a blank before the hours and minutes at the end, where RFC 3339 has the sign of an offset.
fn with_plus(text: &str) -> String {
    match text.as_bytes() {
        [time @ .., b' ', h1, h2, b':', m1, m2]
            if time.len() >= 19 && [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()) =>
        {
            let (time, offset) = text.split_at(text.len() - 6);
            format!("{time}+{}", &offset[1..])
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, ValueError> {
        let now = "2026-03-08T12:00:00Z".parse().unwrap();
        parse(text, now).map(|bound| bound.time.to_string().replace(".000000", ""))
    }

    #[test]
    fn durations_are_subtracted_from_now() {
        for (text, expected) in [
            ("24h", "2026-03-07T12:00:00Z"),
            ("7d", "2026-03-01T12:00:00Z"),
            ("7d ago", "2026-03-01T12:00:00Z"),
            ("1w", "2026-03-01T12:00:00Z"),
            ("90m", "2026-03-08T10:30:00Z"),
            ("1h 30m", "2026-03-08T10:30:00Z"),
            ("1mo", "2026-02-08T12:00:00Z"),
            ("1y", "2025-03-08T12:00:00Z"),
            ("P7D", "2026-03-01T12:00:00Z"),
            ("0s", "2026-03-08T12:00:00Z"),
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["yesterday", "-5h", "", "7", "5 h 2026", "in 5h", "7d from now"] {
            assert_eq!(parsed(text), Err(BAD_FORMAT), "{text}");
        }
        assert_eq!(parsed("9000y"), Err(TOO_LONG));
    }

    #[test]
    fn times_and_dates_are_absolute() {
        for (text, expected) in [
            ("2026-01-01", "2026-01-01T00:00:00Z"),
            ("2026-01-01T00:00:00+02:00", "2025-12-31T22:00:00Z"),
            ("2026-01-01T00:00:00 02:00", "2025-12-31T22:00:00Z"),
            ("2026-01-01 00:00:00 02:00", "2025-12-31T22:00:00Z"),
            ("2026-01-01T00:00:00.5 02:00", "2025-12-31T22:00:00.500000Z"),
            ("2026-01-01T00:00:00-02:00", "2026-01-01T02:00:00Z"),
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["2026-01-01 02:00", "2026-01-01T00:00:00 2:00", "2026-01-01T00:00:00  02:00"] {
            assert_eq!(parsed(text), Err(BAD_FORMAT), "{text}");
        }
    }
}
