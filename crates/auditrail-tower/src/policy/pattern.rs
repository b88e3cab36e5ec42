//! Route patterns and status patterns.

use std::borrow::Cow;

use super::readings::decoded;

/// A route such as `/v1/projects/{id}`.
///
/// Matching is lenient, because frameworks are, in different ways. An unnecessary record is less harmful than a
/// request that evades the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoutePattern {
    text: Box<str>,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// Decoded and in lower case.
    Fixed(Box<str>),
    One(Box<str>),
    Rest(Box<str>),
}

impl RoutePattern {
    /// Parses a pattern; the error contains the correction.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Err(format!("the route `{text}` must start with `/`"));
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
        let last = parts.len().saturating_sub(1);
        let segments = parts.iter().enumerate().map(|(at, part)| segment(text, part, at == last));
        let route = Self { text: text.into(), segments: segments.collect::<Result<_, _>>()? };
        let names: Vec<&str> = route.parameters().collect();
        if names.iter().enumerate().any(|(at, name)| names[..at].contains(name)) {
            return Err(format!(
                "the route `{text}` uses a parameter twice; give each its own name"
            ));
        }
        Ok(route)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of the parameters, in order.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Fixed(_) => None,
            Segment::One(name) | Segment::Rest(name) => Some(&**name),
        })
    }

    /// The values of the parameters, in order, if the segments of a path match.
    pub(crate) fn matching(&self, path: &[Cow<'_, str>]) -> Option<Vec<Box<str>>> {
        if !self.matches(path) {
            return None;
        }
        let values = self.segments.iter().enumerate().filter_map(|(at, segment)| match segment {
            Segment::Fixed(_) => None,
            Segment::One(_) => Some(Box::from(&*path[at])),
            Segment::Rest(_) => Some(path[at..].join("/").into()),
        });
        Some(values.collect())
    }

    fn matches(&self, path: &[Cow<'_, str>]) -> bool {
        let is_open = matches!(self.segments.last(), Some(Segment::Rest(_)));
        let fixed_length = self.segments.len() - usize::from(is_open);
        let length_matches =
            if is_open { path.len() >= fixed_length } else { path.len() == fixed_length };
        length_matches
            && self.segments.iter().zip(path).all(|(segment, part)| match segment {
                Segment::Fixed(text) => same_text(text, part),
                Segment::One(_) | Segment::Rest(_) => true,
            })
    }
}

/// Compares case-insensitively with a lower-case segment of a pattern.
fn same_text(lower: &str, part: &str) -> bool {
    if part.is_ascii() { part.eq_ignore_ascii_case(lower) } else { part.to_lowercase() == lower }
}

fn segment(route: &str, part: &str, last: bool) -> Result<Segment, String> {
    if part.starts_with(':') || part.contains(['?', '#']) {
        return Err(format!(
            "`{part}` in the route `{route}` would match nothing: parameters are {{name}}, and queries \
             are not looked at"
        ));
    }
    if !part.contains(['{', '}', '*']) {
        return Ok(Segment::Fixed(decoded(part).to_lowercase().into()));
    }
    let inner = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
    let name = inner.map(|inner| inner.strip_prefix('*').unwrap_or(inner)).filter(|name| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    match name {
        None => Err(format!(
            "`{part}` in the route `{route}` is neither fixed nor {{name}} nor {{*rest}}"
        )),
        Some(name) if !part.starts_with("{*") => Ok(Segment::One(name.into())),
        Some(name) if last => Ok(Segment::Rest(name.into())),
        Some(_) => Err(format!("`{part}` in the route `{route}` must be its last segment")),
    }
}

/// A status pattern: `404`, `2xx` or `400-499`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StatusPattern {
    from: u16,
    to: u16,
}

impl StatusPattern {
    /// Parses a pattern; the error contains the correction.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (from, to) = family(text).or_else(|| range(text)).ok_or_else(|| {
            format!("`{text}` is no status; use one such as \"404\", \"2xx\" or \"400-499\"")
        })?;
        if to < from {
            return Err(format!(
                "the status range `{text}` is empty; put the smaller number first"
            ));
        }
        Ok(Self { from, to })
    }

    pub(crate) fn matches(self, status: u16) -> bool {
        (self.from..=self.to).contains(&status)
    }
}

fn family(text: &str) -> Option<(u16, u16)> {
    match text.as_bytes() {
        [digit @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] => {
            let from = u16::from(digit - b'0') * 100;
            Some((from, from + 99))
        }
        _ => None,
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    Some((status(from)?, status(to)?))
}

fn status(text: &str) -> Option<u16> {
    let is_numeric = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|status| is_numeric && (100..600).contains(status))
}
