//! Parses a search from named parameters, for the command line and HTTP.

use super::{Cursor, CursorKey, Filters, MetadataFilter, Position, Query, TimeRange};
use crate::error::{ErrorCode, FieldError, ValidationErrors, ValueError};
use crate::inet::parse_network;
use crate::limits::{METADATA_FILTERS_MAX, REPORTED_ERRORS_MAX, REPORTED_NAME_MAX_CHARS};
use crate::time::RecordTime;

impl Filters {
    /// Parses filters from named parameters; [`Filters::NAMES`] and `metadata.KEY` are known.
    ///
    /// `start_date` and `end_date` are RFC 3339 times, or bare dates, which mean midnight UTC.
    ///
    /// # Errors
    /// Every invalid, repeated or unknown parameter; the pointer is the name of the parameter.
    pub fn from_pairs<N, V>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, ValidationErrors>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut reader = Reader::default();
        for (name, value) in pairs {
            if reader.is_first(name.as_ref()) && !reader.filter(name.as_ref(), value.as_ref()) {
                reader.report_unknown(name.as_ref());
            }
        }
        reader.filters()
    }
}

impl Query {
    /// Parses a search: filters, `limit`, `cursor`, `offset` and `count`.
    ///
    /// # Errors
    /// As [`Filters::from_pairs`]; also when a cursor was made for other filters or another key, and
    /// when both `cursor` and `offset` are given.
    pub fn from_pairs<N, V>(
        pairs: impl IntoIterator<Item = (N, V)>,
        key: &CursorKey,
    ) -> Result<Self, ValidationErrors>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut reader = Reader::default();
        let mut limit = None;
        let mut count = None;
        let mut offset = None;
        let mut cursor = None;
        for (name, value) in pairs {
            let name = name.as_ref();
            let value = value.as_ref();
            if !reader.is_first(name) {
                continue;
            }
            match name {
                "limit" => limit = reader.keep(name, value.parse()),
                "count" => count = reader.keep(name, value.parse()),
                "offset" => offset = reader.keep(name, Position::parse_offset(value)),
                "cursor" => cursor = Some(value.to_owned()),
                _ if reader.filter(name, value) => {}
                _ => reader.report_unknown(name),
            }
        }
        if reader.was_seen("cursor") && reader.was_seen("offset") {
            reader.report("offset", ErrorCode::Conflict, "cannot be given together with cursor");
        }
        let filters = reader.filters()?;
        let position = match cursor {
            Some(token) => Position::After(decode(&token, &filters, key)?),
            None => offset.unwrap_or_default(),
        };
        Ok(Self {
            filters,
            limit: limit.unwrap_or_default(),
            position,
            count: count.unwrap_or_default(),
        })
    }
}

fn decode(token: &str, filters: &Filters, key: &CursorKey) -> Result<Cursor, FieldError> {
    Cursor::decode(token, filters, key).map_err(|error| FieldError {
        pointer: "cursor".to_owned(),
        code: ErrorCode::InvalidCursor,
        detail: error.to_string(),
    })
}

/// The filters parsed so far, and the errors.
#[derive(Default)]
struct Reader {
    seen: Vec<String>,
    filters: Filters,
    start: Option<RecordTime>,
    end: Option<RecordTime>,
    errors: Vec<FieldError>,
}

impl Reader {
    /// Parses one filter; false when the name is not a filter.
    fn filter(&mut self, name: &str, value: &str) -> bool {
        match name {
            "actor_id" => self.filters.actor_id = self.keep(name, value.parse()),
            "actor_type" => self.filters.actor_type = self.keep(name, value.parse()),
            "action" => self.filters.action = self.keep(name, value.parse()),
            "target_type" => self.filters.target_type = self.keep(name, value.parse()),
            "target_id" => self.filters.target_id = self.keep(name, value.parse()),
            "tenant_id" => self.filters.tenant_id = self.keep(name, value.parse()),
            "request_id" => self.filters.request_id = self.keep(name, value.parse()),
            "outcome" => self.filters.outcome = self.keep(name, value.parse()),
            "intents" => self.filters.intents = self.keep(name, value.parse()),
            "ip_address" => {
                let network = parse_network(value).map(|network| network.trunc());
                self.filters.ip_address = self.keep(name, network);
            }
            "start_date" => self.start = self.keep(name, parse_bound(value)),
            "end_date" => self.end = self.keep(name, parse_bound(value)),
            _ => match name.strip_prefix("metadata.") {
                Some(key) => self.metadata(name, key, value),
                None => return false,
            },
        }
        true
    }

    fn metadata(&mut self, name: &str, key: &str, value: &str) {
        if self.filters.metadata.len() == METADATA_FILTERS_MAX {
            let detail =
                format!("is one more than the {METADATA_FILTERS_MAX} metadata filters allowed");
            self.report(name, ErrorCode::TooMany, &detail);
            return;
        }
        let filter = self.keep(name, MetadataFilter::new(key, value));
        self.filters.metadata.extend(filter);
    }

    fn filters(mut self) -> Result<Filters, ValidationErrors> {
        match TimeRange::new(self.start, self.end) {
            Some(range) => self.filters.created_at = range,
            None => self.report("end_date", ErrorCode::EmptyRange, "must be after start_date"),
        }
        self.filters.metadata.sort_unstable();
        match ValidationErrors::new(self.errors) {
            Some(errors) => Err(errors),
            None => Ok(self.filters),
        }
    }

    /// Registers a name, and reports a repeated one.
    ///
    /// Stops when the list of errors is full: each registered name is known, of which there are few, or has
    /// an error, so hostile parameters cannot make the linear search slow.
    fn is_first(&mut self, name: &str) -> bool {
        if self.errors.len() >= REPORTED_ERRORS_MAX {
            return false;
        }
        if self.was_seen(name) {
            self.report(name, ErrorCode::DuplicateField, "is given more than once");
            return false;
        }
        self.seen.push(name.to_owned());
        true
    }

    fn was_seen(&self, name: &str) -> bool {
        self.seen.iter().any(|seen| seen == name)
    }

    fn keep<T>(&mut self, name: &str, result: Result<T, ValueError>) -> Option<T> {
        result.map_err(|error| self.errors.push(FieldError::new(short(name), &error))).ok()
    }

    fn report_unknown(&mut self, name: &str) {
        self.report(name, ErrorCode::UnknownField, "is not a parameter of this search");
    }

    fn report(&mut self, name: &str, code: ErrorCode, detail: &str) {
        self.errors.push(FieldError { pointer: short(name), code, detail: detail.to_owned() });
    }
}

fn short(name: &str) -> String {
    name.chars().take(REPORTED_NAME_MAX_CHARS).collect()
}

/// Parses a bound of a time range: a time, or a date.
fn parse_bound(text: &str) -> Result<RecordTime, ValueError> {
    let is_date = text.len() == 10 && !text.contains(['T', 't', ' ']);
    let time = if is_date { format!("{text}T00:00:00Z").parse() } else { text.parse() };
    time.map_err(|error| match error {
        ValueError::BadFormat { .. } => ValueError::BadFormat {
            expected: "an RFC 3339 time or a date, such as 2026-01-02T03:04:05Z or 2026-01-02",
        },
        other => other,
    })
}
