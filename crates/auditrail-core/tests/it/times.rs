//! Times: parsing, formatting and the range.

use auditrail_core::{ErrorCode, RecordTime, ValueError};
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

use crate::strategies::{now, time};

fn printed(text: &str) -> Result<String, ErrorCode> {
    text.parse::<RecordTime>().map(|time| time.to_string()).map_err(|error| error.code())
}

#[test]
fn rfc_3339_is_parsed_and_displayed_in_utc() {
    for (text, expected) in [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"),
        ("2026-01-02t03:04:05.000006z", "2026-01-02T03:04:05.000006Z"),
        ("2026-01-02 03:04:05.1+01:30", "2026-01-02T01:34:05.100000Z"),
        ("2026-01-02T03:04:05-00:00", "2026-01-02T03:04:05.000000Z"),
        ("1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-30T22:00:00Z", "9999-12-30T22:00:00.000000Z"),
    ] {
        assert_eq!(printed(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn other_formats_are_rejected() {
    for text in [
        "",
        "now",
        "2026-01-02",
        "2026-01-02T03:04Z",
        "2026-01-02T03:04:05",
        "20260102T030405Z",
        "2026-01-02T03:04:05+01",
        "2026-01-02T03:04:05+0100",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05Z[UTC]",
        "2026-W01-2T03:04:05Z",
        "2026-13-02T03:04:05Z",
        "2026-02-30T03:04:05Z",
        "2026-01-02T24:04:05Z",
        "2026-01-02T03:04:05,5Z",
        "1767323045",
        "2026-01-02T03:04:05 02:00",
        "２026-01-02T03:04:05Z",
        " 2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05Z ",
        "2026-01-02T03:04:05.1234567890Z",
    ] {
        assert_eq!(printed(text), Err(ErrorCode::BadFormat), "{text}");
    }
}

#[test]
fn years_outside_the_range_are_out_of_range() {
    for text in [
        "300000-01-01T00:00:00Z",
        "+300000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "0000-12-31T23:59:59Z",
        "0001-01-01T00:00:00+00:01",
        "10000-01-01T00:00:00Z",
    ] {
        assert_eq!(printed(text), Err(ErrorCode::OutOfRange), "{text}");
    }
    let out = Err(ErrorCode::OutOfRange);
    let micros = |n| RecordTime::from_unix_micros(n).map_err(|error| error.code());
    assert_eq!(micros(RecordTime::MIN_UNIX_MICROS - 1), out);
    assert_eq!(micros(RecordTime::MAX_UNIX_MICROS + 1), out);
    assert_eq!(RecordTime::new(Timestamp::MIN).map_err(|error| error.code()), out);
}

#[test]
fn range_ends_at_year_one_and_at_the_library_limit() {
    assert_eq!(RecordTime::MAX_UNIX_MICROS, Timestamp::MAX.as_second() * 1_000_000);
    let min: Timestamp = "0001-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(min.as_microsecond(), RecordTime::MIN_UNIX_MICROS);
    for end in [RecordTime::MIN_UNIX_MICROS, RecordTime::MAX_UNIX_MICROS] {
        assert_eq!(RecordTime::from_unix_micros(end).unwrap().unix_micros(), end);
    }
}

#[test]
fn stored_times_are_clamped_to_the_range() {
    let infinity = RecordTime::from_stored_micros(i64::MAX);
    assert_eq!(infinity.to_string(), "9999-12-30T22:00:00.000000Z");
    let minus_infinity = RecordTime::from_stored_micros(i64::MIN);
    assert_eq!(minus_infinity.to_string(), "0001-01-01T00:00:00.000000Z");
    assert_eq!(RecordTime::from_stored_micros(-1).unix_micros(), -1);
}

#[test]
fn five_minutes_ahead_is_the_limit() {
    let latest = RecordTime::new(now() + 5.minutes()).unwrap();
    assert_eq!(latest.check_not_in_future(now()), Ok(()));
    let later = RecordTime::from_unix_micros(latest.unix_micros() + 1).unwrap();
    let error = Err(ValueError::InFuture { max_ahead_seconds: 300 });
    assert_eq!(later.check_not_in_future(now()), error);
}

proptest! {
    #[test]
    fn times_round_trip_through_text(time in time()) {
        let text = time.to_string();
        prop_assert_eq!(text.len(), 27);
        prop_assert_eq!(text.parse::<RecordTime>().unwrap(), time);
        prop_assert_eq!(RecordTime::from_unix_micros(time.unix_micros()), Ok(time));
        prop_assert_eq!(RecordTime::new(time.timestamp()), Ok(time));
    }

    #[test]
    fn finer_times_are_rounded_down(nanos in -2_000_000_000_000_000_000..2_000_000_000_000_000_000_i128) {
        let fine = Timestamp::from_nanosecond(nanos).unwrap();
        let cut = RecordTime::new(fine).unwrap();
        let lost = nanos - cut.timestamp().as_nanosecond();
        prop_assert!((0..1_000).contains(&lost), "{} lost", lost);
    }

    #[test]
    fn parser_never_panics(text in any::<String>()) {
        if let Ok(time) = text.parse::<RecordTime>() {
            prop_assert_eq!(time.to_string().parse::<RecordTime>(), Ok(time));
        }
    }
}
