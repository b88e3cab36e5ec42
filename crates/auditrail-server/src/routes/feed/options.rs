//! Parameters of a feed and of a tail.

use std::time::Duration;

use auditrail_core::openapi::{page_size, parameter};
use auditrail_core::{ErrorCode, FeedPosition, FieldError, PageSize, RecordId, ValueError};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::extract::QueryParams;
use crate::limits::FEED_WAIT_MAX;
use crate::problem::{Problem, in_parameter, in_query};

/// Parameters of a feed besides the filters.
pub(super) struct FeedOptions {
    pub(super) after: After,
    pub(super) limit: PageSize,
    pub(super) wait: Duration,
}

/// Where a feed or a tail starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::routes) enum After {
    Position(FeedPosition),
    Head,
}

impl FeedOptions {
    pub(super) fn parse(params: &mut QueryParams) -> Result<Self, Problem> {
        let after = parse_after(params)?.unwrap_or(After::Position(FeedPosition::START));
        let limit = params.take("limit").map(|text| text.parse()).transpose();
        let limit = limit.map_err(|error| in_parameter("limit", &error))?.unwrap_or_default();
        let wait = params.take("wait").map(|text| parse_wait(&text)).transpose()?;
        Ok(Self { after, limit, wait: wait.unwrap_or_default() })
    }
}

/// Takes `after` and `after_id`.
pub(in crate::routes) fn parse_after(params: &mut QueryParams) -> Result<Option<After>, Problem> {
    let after = params.take("after").map(|text| parse_seq(&text)).transpose()?;
    let id = params.take("after_id").map(|text| text.parse::<RecordId>()).transpose();
    let id = id.map_err(|error| in_parameter("after_id", &error))?;
    match (after, id) {
        (Some(After::Position(position)), id) => {
            Ok(Some(After::Position(FeedPosition { id, ..position })))
        }
        (after, None) => Ok(after),
        (_, Some(_)) => {
            let detail = "is of the record at `after`, which must be given as a number".to_owned();
            let pointer = "after_id".to_owned();
            let error = FieldError { pointer, code: ErrorCode::Conflict, detail };
            Err(in_query(error.into()))
        }
    }
}

/// Parses a seq; -1 is before the first record.
pub(in crate::routes) fn parse_seq(text: &str) -> Result<After, Problem> {
    if text == "head" {
        return Ok(After::Head);
    }
    let seq = text.parse::<i64>().ok().filter(|seq| *seq >= -1);
    let expected = "the seq of a record, -1 for the start, or head";
    let seq = seq.ok_or_else(|| in_parameter("after", &ValueError::BadFormat { expected }))?;
    Ok(After::Position(FeedPosition::after(seq)))
}

fn parse_wait(text: &str) -> Result<Duration, Problem> {
    let wait = text.parse().ok().map(Duration::from_secs).filter(|wait| *wait <= FEED_WAIT_MAX);
    let range = "between 0 and 30";
    wait.ok_or_else(|| in_parameter("wait", &ValueError::OutOfRange { range }))
}

impl IntoParams for FeedOptions {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let wait = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .maximum(Some(FEED_WAIT_MAX.as_secs() as f64))
            .default(Some(0.into()));
        let mut parameters = AfterParams::into_params(place);
        parameters.extend([
            parameter("limit", "Maximum number of records.", page_size()),
            parameter(
                "wait",
                "Seconds to wait for a matching record if there is none yet. Such a request counts as a tail.",
                wait,
            ),
        ]);
        parameters
    }
}

/// The position where a feed or a tail starts.
pub(in crate::routes) struct AfterParams;

impl IntoParams for AfterParams {
    fn into_params(_place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let after = "Continue after the record with this seq. `-1` is before the first record, `head` after the \
             last one. Default: `-1` of a feed, `head` of a tail.";
        let after_id = "`id` of the position with this seq: the request fails with `position_unknown` if the log \
             has another record there.";
        vec![
            parameter("after", after, text().pattern(Some(r"^(-1|[0-9]{1,19}|head)$"))),
            parameter(
                "after_id",
                after_id,
                text().format(Some(utoipa::openapi::SchemaFormat::Custom("uuid".to_owned()))),
            ),
        ]
    }
}
