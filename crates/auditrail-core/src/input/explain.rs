//! The slow way: says everything that is wrong with an input.
//!
//! It applies the same rules as the fast way and would accept what that accepts; a property test
//! holds the two together.

use std::fmt;

use jiff::Timestamp;
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{CreateInput, FIELDS};
use crate::actor::{Actor, ActorType};
use crate::context::RequestContext;
use crate::error::{ErrorCode, FieldError, InputError, ValidationErrors, ValueError};
use crate::inet::parse_address;
use crate::limits::{REPORTED_ERRORS_MAX, REPORTED_NAME_MAX_CHARS};
use crate::metadata::{Metadata, type_name, unstorable_text};
use crate::target::Target;
use crate::text::ActorId;
use crate::time::RecordTime;

/// Parses an input and reports every wrong field.
pub(super) fn parse(text: &str, now: Timestamp) -> Result<CreateInput, InputError> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    if !raw.get().starts_with('{') {
        let found = type_name(raw.get());
        let error = ValueError::WrongType {
            expected: "an object",
            found,
        };
        return Err(ValidationErrors::from(FieldError::new("", &error)).into());
    }
    // Read from the whole text again, so that places in errors count from its start.
    let members = serde_json::Deserializer::from_str(text)
        .deserialize_map(Members)
        .map_err(|error| not_json(&error))?;
    let mut report = Report::new(members);
    let input = report.read(now);
    report.finish();
    match (ValidationErrors::new(report.errors), input) {
        (None, Some(input)) => Ok(input),
        (Some(errors), _) => Err(errors.into()),
        // `read` gives nothing only after it has reported something.
        (None, None) => Err(ValidationErrors::from(required("")).into()),
    }
}

fn not_json(error: &serde_json::Error) -> InputError {
    let message = error.to_string();
    let detail = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(detail, _)| detail);
    InputError::NotJson {
        line: error.line(),
        column: error.column(),
        detail: detail.to_owned(),
    }
}

/// Reads the members of an object in their order, repeated names included.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

/// The fields that were found and what was wrong so far.
struct Report<'a> {
    fields: [Option<&'a RawValue>; FIELDS.len()],
    errors: Vec<FieldError>,
    /// Kept apart so that errors come in the order of the columns, strange names last.
    name_errors: Vec<FieldError>,
}

impl<'a> Report<'a> {
    fn new(members: Vec<(String, &'a RawValue)>) -> Self {
        let mut seen = [false; FIELDS.len()];
        let mut fields = [None; FIELDS.len()];
        let mut name_errors = Vec::new();
        for (name, value) in members {
            match FIELDS.iter().position(|field| *field == name) {
                Some(field) if !seen[field] => {
                    seen[field] = true;
                    fields[field] = Some(value).filter(|value| value.get() != "null");
                }
                // A hostile body may repeat or invent millions of names; the answer stays small.
                _ if name_errors.len() == REPORTED_ERRORS_MAX => {}
                Some(_) => name_errors.push(FieldError {
                    pointer: pointer(&name),
                    code: ErrorCode::DuplicateField,
                    detail: "is given more than once".to_owned(),
                }),
                None => name_errors.push(FieldError {
                    pointer: pointer(&name),
                    code: ErrorCode::UnknownField,
                    detail: "is not a field of a record; other facts belong into metadata"
                        .to_owned(),
                }),
            }
        }
        Self {
            fields,
            errors: Vec::new(),
            name_errors,
        }
    }

    fn read(&mut self, now: Timestamp) -> Option<CreateInput> {
        let id = self.optional("id", str::parse);
        let actor = self.actor();
        let action = self.required("action", str::parse);
        let target_type = self.required("target_type", str::parse);
        let target_id = self.required("target_id", str::parse);
        let metadata = self.metadata();
        let ip_address = self.optional("ip_address", parse_address);
        let user_agent = self.optional("user_agent", str::parse);
        let created_at = self.optional("created_at", |text| {
            let time: RecordTime = text.parse()?;
            time.check_not_in_future(now)?;
            Ok(time)
        });
        let tenant_id = self.optional("tenant_id", str::parse);
        let request_id = self.optional("request_id", str::parse);
        Some(CreateInput {
            id,
            actor: actor?,
            action: action?,
            target: Target::new(target_type?, target_id?),
            metadata,
            context: RequestContext {
                ip_address,
                user_agent,
                request_id,
            },
            tenant_id,
            created_at,
        })
    }

    fn actor(&mut self) -> Option<Actor> {
        let id: Option<ActorId> = self.required("actor_id", str::parse);
        let actor_type: Option<ActorType> = self.required("actor_type", str::parse);
        let actor = Actor::new(actor_type?, id?);
        self.keep("actor_id", actor)
    }

    fn metadata(&mut self) -> Option<Metadata> {
        let metadata = Metadata::from_raw(self.field("metadata")?);
        self.keep("metadata", metadata)
    }

    fn required<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Option<T> {
        if self.field(name).is_none() {
            self.errors.push(required(&pointer(name)));
        }
        self.optional(name, parse)
    }

    fn optional<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Option<T> {
        let result = string(self.field(name)?).and_then(|text| parse(&text));
        self.keep(name, result)
    }

    fn field(&self, name: &str) -> Option<&'a RawValue> {
        let place = FIELDS.iter().position(|field| *field == name)?;
        self.fields[place]
    }

    fn keep<T>(&mut self, name: &str, result: Result<T, ValueError>) -> Option<T> {
        result
            .map_err(|error| self.errors.push(FieldError::new(pointer(name), &error)))
            .ok()
    }

    fn finish(&mut self) {
        self.errors.append(&mut self.name_errors);
    }
}

/// The text of a JSON string.
fn string(raw: &RawValue) -> Result<String, ValueError> {
    if !raw.get().starts_with('"') {
        return Err(ValueError::WrongType {
            expected: "a string",
            found: type_name(raw.get()),
        });
    }
    // The syntax is right, so only an escape that stands for no character is left to be wrong.
    serde_json::from_str(raw.get()).map_err(|_| unstorable_text(raw.get()))
}

fn required(pointer: &str) -> FieldError {
    FieldError {
        pointer: pointer.to_owned(),
        code: ErrorCode::Required,
        detail: "is required".to_owned(),
    }
}

/// The JSON pointer of a member, cut where a hostile name is long.
fn pointer(name: &str) -> String {
    let short: String = name.chars().take(REPORTED_NAME_MAX_CHARS).collect();
    let cut = if short.len() < name.len() { "…" } else { "" };
    format!("/{}{cut}", short.replace('~', "~0").replace('/', "~1"))
}
