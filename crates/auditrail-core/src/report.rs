//! Reading an object from a stranger field by field, so that everything wrong with it can be said.

use std::fmt;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{ErrorCode, FieldError, InputError, ValidationErrors, ValueError};
use crate::limits::{REPORTED_ERRORS_MAX, REPORTED_NAME_MAX_CHARS};
use crate::metadata::{type_name, unstorable_text};

/// The text of bytes that must be UTF-8.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, InputError> {
    std::str::from_utf8(bytes).map_err(|error| invalid_utf8(bytes, error.valid_up_to()))
}

/// The fields of an object that were found, and what was wrong so far.
pub(crate) struct Report<'a, const N: usize> {
    names: &'static [&'static str; N],
    fields: [Option<&'a RawValue>; N],
    errors: Vec<FieldError>,
    /// Kept apart so that errors come in the order of the fields, strange names last.
    name_errors: Vec<FieldError>,
}

impl<'a, const N: usize> Report<'a, N> {
    /// Reads the members of an object. `null` means left out; a name given twice and one that is not
    /// in `names` are reported, the latter with `unknown`.
    ///
    /// # Errors
    /// The text is not JSON, or no object.
    pub(crate) fn of(
        text: &'a str,
        names: &'static [&'static str; N],
        unknown: &'static str,
    ) -> Result<Self, InputError> {
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        if !raw.get().starts_with('{') {
            let found = type_name(raw.get());
            let error = ValueError::WrongType { expected: "an object", found };
            return Err(ValidationErrors::from(FieldError::new("", &error)).into());
        }
        // Read from the whole text again, so that places in errors count from its start.
        let members = serde_json::Deserializer::from_str(text)
            .deserialize_map(Members)
            .map_err(|error| not_json(&error))?;
        let mut seen = [false; N];
        let (mut fields, mut name_errors) = ([None; N], Vec::new());
        for (name, value) in members {
            match names.iter().position(|field| *field == name) {
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
                    detail: unknown.to_owned(),
                }),
            }
        }
        Ok(Self { names, fields, errors: Vec::new(), name_errors })
    }

    /// The value of a field, unless it was left out.
    pub(crate) fn field(&self, name: &str) -> Option<&'a RawValue> {
        let place = self.names.iter().position(|field| *field == name)?;
        self.fields[place]
    }

    /// Reports a field that was left out.
    pub(crate) fn require(&mut self, name: &str) {
        if self.field(name).is_none() {
            self.report(required(&pointer(name)));
        }
    }

    /// A string that must be there.
    pub(crate) fn required<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Option<T> {
        self.require(name);
        self.optional(name, parse)
    }

    /// A string that may be there.
    pub(crate) fn optional<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Option<T> {
        let result = string(self.field(name)?).and_then(|text| parse(&text));
        self.keep(name, result)
    }

    /// Keeps what is right, and reports what is wrong.
    pub(crate) fn keep<T>(&mut self, name: &str, result: Result<T, ValueError>) -> Option<T> {
        result.map_err(|error| self.report(FieldError::new(pointer(name), &error))).ok()
    }

    /// Reports one thing.
    pub(crate) fn report(&mut self, error: FieldError) {
        self.errors.push(error);
    }

    /// What was read, or everything that was wrong.
    ///
    /// # Errors
    /// Whatever was reported.
    pub(crate) fn finish<T>(mut self, read: Option<T>) -> Result<T, InputError> {
        self.errors.append(&mut self.name_errors);
        match (ValidationErrors::new(self.errors), read) {
            (None, Some(read)) => Ok(read),
            (Some(errors), _) => Err(errors.into()),
            // Nothing is read only after something was reported.
            (None, None) => Err(ValidationErrors::from(required("")).into()),
        }
    }
}

/// The text of a JSON string.
pub(crate) fn string(raw: &RawValue) -> Result<String, ValueError> {
    if !raw.get().starts_with('"') {
        return Err(ValueError::WrongType { expected: "a string", found: type_name(raw.get()) });
    }
    // The syntax is right, so only an escape that stands for no character is left to be wrong.
    serde_json::from_str(raw.get()).map_err(|_| unstorable_text(raw.get()))
}

fn invalid_utf8(bytes: &[u8], at: usize) -> InputError {
    let before = &bytes[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
    let detail = format!("the text is not valid UTF-8 at byte {at}");
    InputError::NotJson { line, column: at - line_start + 1, detail }
}

fn not_json(error: &serde_json::Error) -> InputError {
    let message = error.to_string();
    let detail = message.rsplit_once(" at line ").map_or(message.as_str(), |(detail, _)| detail);
    InputError::NotJson { line: error.line(), column: error.column(), detail: detail.to_owned() }
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
