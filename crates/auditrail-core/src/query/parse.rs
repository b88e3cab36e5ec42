//! Parses a search from named parameters, for the command line and HTTP.

use jiff::Timestamp;

use super::names::{PAGING, metadata_key};
use super::{
    Cursor, CursorKey, Filters, MetadataFilter, Order, Position, Query, TimeRange, bounds,
    expression,
};
use crate::actor::Actor;
use crate::error::{ErrorCode, FieldError, ValidationErrors, ValueError};
use crate::id::RecordId;
use crate::inet::parse_network;
use crate::limits::{METADATA_FILTERS_MAX, REPORTED_ERRORS_MAX, REPORTED_NAME_MAX_CHARS};
use crate::target::Target;
use crate::time::RecordTime;

impl Filters {
    /// Parses filters from named parameters; [`Filters::NAMES`], [`Filters::OTHER_NAMES`] and `metadata.KEY`
    /// are known.
    ///
    /// `since` and `until` are RFC 3339 times, dates, which mean midnight UTC, or durations before `now` such
    /// as `7d`.
    ///
    /// # Errors
    /// Every invalid, repeated or unknown parameter; the pointer is the name of the parameter. Two names of
    /// one filter are a repetition.
    pub fn from_pairs<N, V>(
        pairs: impl IntoIterator<Item = (N, V)>,
        now: Timestamp,
    ) -> Result<Self, ValidationErrors>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut reader = Reader::new(now);
        for (name, value) in pairs {
            if reader.is_first(name.as_ref()) && !reader.filter(name.as_ref(), value.as_ref()) {
                reader.report_unknown(name.as_ref(), &[]);
            }
        }
        reader.filters()
    }
}

impl Query {
    /// Parses a search: filters, `limit`, `order`, `cursor`, `offset`, `around` and `count`.
    ///
    /// # Errors
    /// As [`Filters::from_pairs`]; also when a cursor was made for other filters, the other order or another
    /// key, and when more than one of `cursor`, `offset` and `around` is given.
    pub fn from_pairs<N, V>(
        pairs: impl IntoIterator<Item = (N, V)>,
        key: &CursorKey,
        now: Timestamp,
    ) -> Result<Self, ValidationErrors>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let pairs: Vec<(N, V)> = pairs.into_iter().collect();
        let token = pairs.iter().find(|(name, _)| name.as_ref() == "cursor");
        // Of a later page, relative times refer to the time of the first one.
        let first = token.and_then(|(_, token)| Cursor::relative_to(token.as_ref()));
        let mut reader = Reader::new(first.map_or(now, RecordTime::timestamp));
        let mut limit = None;
        let mut order = None;
        let mut count = None;
        let mut offset = None;
        let mut around = None;
        let mut cursor = None;
        for (name, value) in pairs {
            let name = name.as_ref();
            let value = value.as_ref();
            if !reader.is_first(name) {
                continue;
            }
            match name {
                "limit" => limit = reader.keep(name, value.parse()),
                "order" => order = reader.keep(name, value.parse()),
                "around" => around = reader.keep(name, value.parse::<RecordId>()),
                "count" => count = reader.keep(name, value.parse()),
                "offset" => offset = reader.keep(name, Position::parse_offset(value)),
                "cursor" => cursor = Some(value.to_owned()),
                _ if reader.filter(name, value) => {}
                _ => reader.report_unknown(name, &PAGING),
            }
        }
        reader.report_positions();
        if offset.is_some_and(|offset| offset != Position::default())
            && reader.filters.has_text_terms()
        {
            let detail = "cannot be given with words or phrases in `q`; use a cursor";
            reader.report("offset", ErrorCode::Conflict, detail);
        }
        let relative_to = reader.relative_to();
        let filters = reader.filters()?;
        let order = order.unwrap_or_default();
        let position = match (cursor, around) {
            (Some(token), _) => decode(&token, &filters, order, key)?,
            (None, Some(id)) => Position::Around(id),
            (None, None) => offset.unwrap_or_default(),
        };
        Ok(Self {
            filters,
            limit: limit.unwrap_or_default(),
            order,
            position,
            count: count.unwrap_or_default(),
            relative_to,
        })
    }
}

fn decode(
    token: &str,
    filters: &Filters,
    order: Order,
    key: &CursorKey,
) -> Result<Position, FieldError> {
    Position::from_token(token, filters, order, key).map_err(|error| FieldError {
        pointer: "cursor".to_owned(),
        code: ErrorCode::InvalidCursor,
        detail: error.to_string(),
    })
}

/// The filters parsed so far, and the errors.
struct Reader {
    now: Timestamp,
    /// Each parameter as it was given, with its canonical name.
    seen: Vec<(String, String)>,
    filters: Filters,
    start: Option<RecordTime>,
    end: Option<RecordTime>,
    /// Whether a bound depends on the time.
    is_relative: bool,
    errors: Vec<FieldError>,
}

impl Reader {
    fn new(now: Timestamp) -> Self {
        Self {
            now,
            seen: Vec::new(),
            filters: Filters::default(),
            start: None,
            end: None,
            is_relative: false,
            errors: Vec::new(),
        }
    }

    /// The time that relative bounds were subtracted from, if there are any.
    fn relative_to(&self) -> Option<RecordTime> {
        RecordTime::new(self.now).ok().filter(|_| self.is_relative)
    }

    /// Parses one filter; false when the name is not a filter.
    fn filter(&mut self, name: &str, value: &str) -> bool {
        match name {
            "actor" => self.actor(name, value),
            "target" => self.target(name, value),
            "actor_id" => self.filters.actor_id = self.keep(name, value.parse()),
            "actor_type" => self.filters.actor_type = self.keep(name, value.parse()),
            "action" => self.filters.action = self.keep(name, value.parse()),
            "target_type" => self.filters.target_type = self.keep(name, value.parse()),
            "target_id" => self.filters.target_id = self.keep(name, value.parse()),
            "tenant_id" | "tenant" => self.filters.tenant_id = self.keep(name, value.parse()),
            "request_id" => self.filters.request_id = self.keep(name, value.parse()),
            "outcome" => self.filters.outcome = self.keep(name, value.parse()),
            "intents" => self.filters.intents = self.keep(name, value.parse()),
            "ip_address" | "ip" => {
                let network = parse_network(value).map(|network| network.trunc());
                self.filters.ip_address = self.keep(name, network);
            }
            "since" | "start_date" => self.start = self.bound(name, value),
            "until" | "end_date" => self.end = self.bound(name, value),
            "q" => self.expression(value),
            _ => match metadata_key(name) {
                Some(key) => self.metadata(name, key, value),
                None => return false,
            },
        }
        true
    }

    fn actor(&mut self, name: &str, value: &str) {
        if let Some(actor) = self.keep(name, value.parse::<Actor>()) {
            self.filters = std::mem::take(&mut self.filters).with_actor(&actor);
        }
    }

    fn target(&mut self, name: &str, value: &str) {
        if let Some(target) = self.keep(name, value.parse::<Target>()) {
            self.filters = std::mem::take(&mut self.filters).with_target(target);
        }
    }

    fn expression(&mut self, text: &str) {
        match expression::parse(text, self.now) {
            Ok(parsed) => {
                self.is_relative |= parsed.is_relative;
                self.filters.q = Some(parsed.expression);
            }
            Err(errors) => {
                self.errors.extend(errors.into_iter().map(|error| error.in_parameter("q")))
            }
        }
    }

    fn bound(&mut self, name: &str, value: &str) -> Option<RecordTime> {
        let bound = self.keep(name, bounds::parse(value, self.now))?;
        self.is_relative |= bound.is_relative;
        Some(bound.time)
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

    /// Reports each position after the first: a page has one.
    fn report_positions(&mut self) {
        let mut given =
            ["cursor", "offset", "around"].into_iter().filter(|name| self.was_seen(name));
        let first = given.next();
        let others: Vec<_> = given.collect();
        for (first, other) in
            first.into_iter().flat_map(|first| others.iter().map(move |other| (first, other)))
        {
            let detail = format!("cannot be given together with {first}");
            self.report(other, ErrorCode::Conflict, &detail);
        }
    }

    fn filters(mut self) -> Result<Filters, ValidationErrors> {
        for (whole, parts) in
            [("actor", ["actor_id", "actor_type"]), ("target", ["target_id", "target_type"])]
        {
            for part in parts {
                if self.was_seen(whole) && self.was_seen(part) {
                    let detail = format!("is a part of `{whole}`, which is given too");
                    self.report(part, ErrorCode::Conflict, &detail);
                }
            }
        }
        match TimeRange::new(self.start, self.end) {
            Some(range) => self.filters.created_at = range,
            None => self.report_empty_range(),
        }
        self.filters.metadata.sort_unstable();
        match ValidationErrors::new(self.errors) {
            Some(errors) => Err(errors),
            None => Ok(self.filters),
        }
    }

    /// The last moment of a range is excluded, so the range of one day ends at the next date.
    fn report_empty_range(&mut self) {
        let (since, until) = (self.given("since"), self.given("until"));
        let detail = format!(
            "must be after `{since}`; a date is its midnight, so a day ends at the next date"
        );
        self.report(&until, ErrorCode::EmptyRange, &detail);
    }

    /// Registers a name, and reports a repeated one.
    ///
    /// Stops when the list of errors is full: each registered name is known, of which there are few, or has
    /// an error, so hostile parameters cannot make the linear search slow.
    fn is_first(&mut self, name: &str) -> bool {
        if self.errors.len() >= REPORTED_ERRORS_MAX {
            return false;
        }
        let canonical = Filters::canonical_name(name).unwrap_or_else(|| name.to_owned());
        if let Some((given, _)) = self.seen.iter().find(|(_, seen)| *seen == canonical) {
            let detail = if given == name {
                "is given more than once".to_owned()
            } else {
                format!("is the same filter as `{}`, which is given too", short(given))
            };
            self.report(name, ErrorCode::DuplicateField, &detail);
            return false;
        }
        self.seen.push((name.to_owned(), canonical));
        true
    }

    fn was_seen(&self, canonical: &str) -> bool {
        self.seen.iter().any(|(_, seen)| seen == canonical)
    }

    /// The name under which a filter was given.
    fn given(&self, canonical: &str) -> String {
        let given = self.seen.iter().find(|(_, seen)| seen == canonical);
        given.map_or(canonical, |(given, _)| given).to_owned()
    }

    fn keep<T>(&mut self, name: &str, result: Result<T, ValueError>) -> Option<T> {
        result.map_err(|error| self.errors.push(FieldError::new(short(name), &error))).ok()
    }

    /// Lists all parameters only once.
    fn report_unknown(&mut self, name: &str, others: &[&str]) {
        let list = self.errors.iter().all(|error| error.code != ErrorCode::UnknownField);
        self.errors.push(FieldError::unknown_parameter(name, others, list));
    }

    fn report(&mut self, name: &str, code: ErrorCode, detail: &str) {
        self.errors.push(FieldError { pointer: short(name), code, detail: detail.to_owned() });
    }
}

fn short(name: &str) -> String {
    name.chars().take(REPORTED_NAME_MAX_CHARS).collect()
}
