//! Reads an untrusted JSON object field by field and collects every error.

use std::fmt;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{ErrorCode, FieldError, InputError, ValidationErrors, ValueError};
use crate::limits::{REPORTED_ERRORS_MAX, REPORTED_NAME_MAX_CHARS};
use crate::metadata::{type_name, unstorable_text};

/// Checks that bytes are UTF-8.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, InputError> {
    std::str::from_utf8(bytes).map_err(|error| invalid_utf8(bytes, error.valid_up_to()))
}

/// The fields of a JSON object, and the errors reported so far.
pub(crate) struct ObjectReader<'a, const N: usize> {
    names: &'static [&'static str; N],
    fields: [Option<&'a RawValue>; N],
    errors: Vec<FieldError>,
    /// Separate, so that errors come in field order with errors about names last.
    name_errors: Vec<FieldError>,
}

impl<'a, const N: usize> ObjectReader<'a, N> {
    /// Reads the members of an object. `null` means absent. Repeated names and names not in `names`
    /// are reported, the latter with the detail `unknown`.
    ///
    /// # Errors
    /// When the text is not JSON, or not an object.
    pub(crate) fn of(
        text: &'a str,
        names: &'static [&'static str; N],
        unknown: &'static str,
    ) -> Result<Self, InputError> {
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        if !raw.get().starts_with('{') {
            let error =
                ValueError::WrongType { expected: "an object", found: type_name(raw.get()) };
            return Err(ValidationErrors::from(FieldError::new("", &error)).into());
        }
        // Parsed from the whole text again, so that error positions count from its start.
        let (fields, name_errors) = serde_json::Deserializer::from_str(text)
            .deserialize_map(Members { names, unknown })
            .map_err(|error| not_json(&error))?;
        Ok(Self { names, fields, errors: Vec::new(), name_errors })
    }

    /// The raw value of a field; `None` when it is absent.
    pub(crate) fn field(&self, name: &str) -> Option<&'a RawValue> {
        let index = self.names.iter().position(|field| *field == name)?;
        self.fields[index]
    }

    /// Reports an error when a required field is absent.
    pub(crate) fn require(&mut self, name: &str) {
        if self.field(name).is_none() {
            self.report(required(&pointer(name)));
        }
    }

    /// Reports an error when a field is present.
    pub(crate) fn forbid(&mut self, name: &str, detail: &str) {
        if self.field(name).is_some() {
            let (code, detail) = (ErrorCode::UnknownField, detail.to_owned());
            self.report(FieldError { pointer: pointer(name), code, detail });
        }
    }

    /// Parses a required string field.
    pub(crate) fn required<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Option<T> {
        self.require(name);
        self.optional(name, parse)
    }

    /// Parses an optional string field.
    pub(crate) fn optional<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Option<T> {
        let result = string(self.field(name)?).and_then(|text| parse(&text));
        self.keep(name, result)
    }

    /// Unwraps a parsed value, or reports its error.
    pub(crate) fn keep<T>(&mut self, name: &str, result: Result<T, ValueError>) -> Option<T> {
        result.map_err(|error| self.report(FieldError::new(pointer(name), &error))).ok()
    }

    /// Adds an error.
    pub(crate) fn report(&mut self, error: FieldError) {
        self.errors.push(error);
    }

    /// Returns the value, or every error reported so far.
    ///
    /// # Errors
    /// Every reported error; those about names last.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, InputError> {
        self.errors.append(&mut self.name_errors);
        match (ValidationErrors::new(self.errors), value) {
            (None, Some(value)) => Ok(value),
            (Some(errors), _) => Err(errors.into()),
            // A value is absent only after an error was reported.
            (None, None) => Err(ValidationErrors::from(required("")).into()),
        }
    }
}

/// Decodes a JSON string.
pub(crate) fn string(raw: &RawValue) -> Result<String, ValueError> {
    if !raw.get().starts_with('"') {
        return Err(ValueError::WrongType { expected: "a string", found: type_name(raw.get()) });
    }
    // The syntax was checked, so only an escape that encodes no character can fail.
    serde_json::from_str(raw.get()).map_err(|_| unstorable_text(raw.get()))
}

fn invalid_utf8(bytes: &[u8], at: usize) -> InputError {
    let before = &bytes[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
    let detail = format!("the text is not valid UTF-8 at byte {at}");
    InputError::NotJson { line, column: at - line_start + 1, detail }
}

fn not_json(error: &serde_json::Error) -> InputError {
    let message = error.to_string();
    let detail = message.rsplit_once(" at line ").map_or(message.as_str(), |(detail, _)| detail);
    InputError::NotJson { line: error.line(), column: error.column(), detail: detail.to_owned() }
}

/// Collects the fields of an object, and the errors of other members. A hostile body may repeat or invent
/// millions of names, so it keeps nothing of members beyond the number of errors that are reported.
struct Members<const N: usize> {
    names: &'static [&'static str; N],
    unknown: &'static str,
}

impl<'de, const N: usize> Visitor<'de> for Members<N> {
    type Value = ([Option<&'de RawValue>; N], Vec<FieldError>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut seen = [false; N];
        let mut fields = [None; N];
        let mut errors = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            let (code, detail) = match self.names.iter().position(|field| *field == name) {
                Some(field) if !seen[field] => {
                    seen[field] = true;
                    fields[field] = Some(value).filter(|value| value.get() != "null");
                    continue;
                }
                Some(_) => (ErrorCode::DuplicateField, "is given more than once"),
                None => (ErrorCode::UnknownField, self.unknown),
            };
            if errors.len() < REPORTED_ERRORS_MAX {
                let pointer = pointer(&name);
                errors.push(FieldError { pointer, code, detail: detail.to_owned() });
            }
        }
        Ok((fields, errors))
    }
}

fn required(pointer: &str) -> FieldError {
    FieldError {
        pointer: pointer.to_owned(),
        code: ErrorCode::Required,
        detail: "is required".to_owned(),
    }
}

/// The JSON pointer of a member; hostile long names are truncated.
fn pointer(name: &str) -> String {
    let short: String = name.chars().take(REPORTED_NAME_MAX_CHARS).collect();
    let cut = if short.len() < name.len() { "…" } else { "" };
    format!("/{}{cut}", short.replace('~', "~0").replace('/', "~1"))
}
