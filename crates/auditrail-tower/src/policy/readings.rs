//! A request target as different servers may read it.

use std::borrow::Cow;

/// Maximum segments of a path that is read in every way; longer ones only literally and with all steps. Bounds the
/// work that a caller can cause.
const SEGMENTS_MAX: usize = 256;
/// Maximum rounds of percent-decoding.
const DECODING_ROUNDS: usize = 4;

/// Maximum steps whose combinations are all read; of more, [`combinations`] has some.
const STEPS_MAX: usize = 8;
/// What ends a path in an URL, and a text in C.
const ENDS: [char; 3] = ['?', '#', '\0'];

/// The decoded segments of a path.
pub(crate) type Segments<'t> = Vec<Cow<'t, str>>;

/// A request target, a path or a whole URL, and the paths that servers may read in it.
///
/// Servers differ in a few [`Step`]s. Where a step changes nothing, it makes no difference; so most targets have one
/// reading.
#[derive(Debug)]
pub(crate) struct RequestPath<'t> {
    literal: Segments<'t>,
    /// Without duplicates; that with all steps first.
    others: Vec<Segments<'t>>,
}

impl<'t> RequestPath<'t> {
    pub(crate) fn parse(target: &'t str) -> Self {
        let path = path_of(target);
        // Some URL parsers treat a backslash as a slash.
        let parts = path.split(['/', '\\']).filter(|part| !part.is_empty());
        let literal: Segments<'t> = parts.map(decoded).collect();
        let steps = relevant_steps(path);
        if steps.is_empty() {
            return Self { literal, others: Vec::new() };
        }
        let chosen = combinations(steps.len());
        let is_long = literal.len() > SEGMENTS_MAX;
        let others = chosen.into_iter().take(if is_long { 1 } else { usize::MAX }).map(|chosen| {
            let has = |step| {
                steps.iter().position(|s| *s == step).is_some_and(|at| chosen >> at & 1 == 1)
            };
            read(path, has)
        });
        let mut distinct = vec![literal];
        for reading in others {
            if !distinct.contains(&reading) {
                distinct.push(reading);
            }
        }
        let literal = distinct.remove(0);
        Self { literal, others: distinct }
    }

    /// All readings, the literal one first.
    pub(crate) fn readings(&self) -> impl Iterator<Item = &Segments<'t>> {
        std::iter::once(&self.literal).chain(&self.others)
    }
}

/// What some servers do with a path and others do not, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// `//host/path` is an URL without a scheme.
    Authority,
    /// `.` and `..` are resolved before decoding.
    PlainDots,
    /// Parameters after a plain `;` are removed from each segment before decoding.
    PlainParameters,
    /// Percent-decoding is repeated, and done despite invalid escapes.
    DecodeAgain,
    /// An encoded `?`, `#` or NUL ends the path.
    Cut,
    /// An encoded slash separates segments.
    Slashes,
    /// A backslash separates segments.
    Backslashes,
    /// Parameters after `;` are removed from each segment.
    Parameters,
    /// Empty segments are removed before, and not after, dot segments are resolved.
    Merge,
    /// `.` and `..` are resolved.
    Dots,
    /// As `Cut`, at the end.
    CutLast,
}

/// The combinations of steps that are read, as bits: all steps first, none last. Beyond [`STEPS_MAX`] steps, which only
/// an attack has, those with all, all but one, one, and no step.
fn combinations(steps: usize) -> Vec<u32> {
    let all = (1_u32 << steps) - 1;
    if steps <= STEPS_MAX {
        return (0..=all).rev().collect();
    }
    let each = || (0..steps).map(|at| 1_u32 << at);
    std::iter::once(all).chain(each().map(|one| all ^ one)).chain(each()).chain([0]).collect()
}

/// The steps that may change the reading of a path.
fn relevant_steps(path: &str) -> Vec<Step> {
    let once: Vec<Cow<'_, str>> = path.split('/').map(decoded).collect();
    let fully: Vec<Cow<'_, str>> = path.split('/').map(fully_decoded).collect();
    let any = |chars: &[char]| fully.iter().any(|part| part.contains(chars));
    let is_dots = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
    let has_dots = fully.iter().any(|part| part.split(['/', '\\', '?', '#', '\0']).any(is_dots));
    let mut steps = Vec::new();
    let mut add = |step, is_relevant| {
        if is_relevant {
            steps.push(step);
        }
    };
    add(Step::Authority, starts_with_two_slashes(path));
    add(Step::PlainDots, path.split('/').any(|part| matches!(part, "." | "..")));
    add(Step::PlainParameters, path.contains(';'));
    add(Step::DecodeAgain, once != fully);
    add(Step::Cut, any(&ENDS));
    add(Step::Slashes, any(&['/']));
    add(Step::Backslashes, any(&['\\']));
    add(Step::Parameters, any(&[';']));
    add(Step::Merge, has_dots);
    add(Step::Dots, has_dots);
    add(Step::CutLast, any(&ENDS));
    steps
}

/// Reads a path with the given steps.
fn read<'t>(path: &'t str, has: impl Fn(Step) -> bool) -> Segments<'t> {
    let path = if has(Step::Authority) { without_authority(path) } else { path };
    let mut segments = Segments::new();
    let raw = path.split('/');
    let raw: Vec<&str> =
        if has(Step::PlainDots) { resolved(raw, has(Step::Merge)) } else { raw.collect() };
    for part in raw {
        let part = match part.find(';').filter(|_| has(Step::PlainParameters)) {
            Some(end) => &part[..end],
            None => part,
        };
        let part = if has(Step::DecodeAgain) { fully_decoded(part) } else { decoded(part) };
        let end = part.find(ENDS).filter(|_| has(Step::Cut));
        let kept = &part[..end.unwrap_or(part.len())];
        let is_separator =
            |c: char| c == '/' && has(Step::Slashes) || c == '\\' && has(Step::Backslashes);
        for piece in kept.split(is_separator) {
            let piece = match piece.find(';').filter(|_| has(Step::Parameters)) {
                Some(end) => &piece[..end],
                None => piece,
            };
            match piece {
                "" if has(Step::Merge) || !has(Step::Dots) => {}
                "." if has(Step::Dots) => {}
                ".." if has(Step::Dots) => drop(segments.pop()),
                piece => segments.push(Cow::Owned(piece.to_owned())),
            }
        }
        if end.is_some() {
            break;
        }
    }
    if has(Step::CutLast)
        && let Some(at) = segments.iter().position(|segment| segment.contains(ENDS))
    {
        segments.truncate(at + 1);
        let end = segments[at].find(ENDS).unwrap_or(0);
        segments[at] = Cow::Owned(segments[at][..end].to_owned());
    }
    segments.retain(|segment| !segment.is_empty());
    segments
}

/// Resolves the plain dot segments of a path that is not decoded.
fn resolved<'t>(parts: impl Iterator<Item = &'t str>, merges: bool) -> Vec<&'t str> {
    let mut kept = Vec::new();
    for part in parts {
        match part {
            "" if merges => {}
            "." => {}
            ".." => drop(kept.pop()),
            part => kept.push(part),
        }
    }
    kept
}

/// The path of a target, without origin, query and fragment.
fn path_of(target: &str) -> &str {
    let path = without_origin(target);
    &path[..path.find(['?', '#']).unwrap_or(path.len())]
}

/// The target without a leading `https://host`.
fn without_origin(target: &str) -> &str {
    let Some((scheme, rest)) = target.split_once("://") else {
        return target;
    };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b));
    if is_scheme { &rest[rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len())..] } else { target }
}

fn starts_with_two_slashes(path: &str) -> bool {
    matches!(path.as_bytes(), [b'/' | b'\\', b'/' | b'\\', ..])
}

/// The path without a leading `//host`.
fn without_authority(path: &str) -> &str {
    let rest = path.get(2..).unwrap_or_default();
    &rest[rest.find(['/', '\\']).unwrap_or(rest.len())..]
}

/// Percent-decodes a segment; unchanged if an escape is invalid or the result is not UTF-8.
pub(super) fn decoded(part: &str) -> Cow<'_, str> {
    if !part.contains('%') {
        return Cow::Borrowed(part);
    }
    unescaped(part.as_bytes())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .map_or(Cow::Borrowed(part), Cow::Owned)
}

/// Percent-decodes a segment until nothing changes. Invalid escapes stay as they are, and bytes that are not UTF-8
/// become U+FFFD.
fn fully_decoded(part: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(part);
    for _ in 0..DECODING_ROUNDS {
        let Some(bytes) = leniently_unescaped(text.as_bytes()) else {
            break;
        };
        text = Cow::Owned(String::from_utf8_lossy(&bytes).into_owned());
    }
    text
}

/// `None` if there is no valid escape.
fn leniently_unescaped(part: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = rest.get(..3).and_then(unescaped).filter(|_| byte == b'%');
        bytes.push(escaped.as_ref().and_then(|one| one.first()).copied().unwrap_or(byte));
        rest = if escaped.is_some() { &rest[3..] } else { after };
    }
    (bytes.len() < part.len()).then_some(bytes)
}

fn unescaped(part: &[u8]) -> Option<Vec<u8>> {
    let digit = |at: usize| part.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut bytes = Vec::with_capacity(part.len());
    let mut at = 0;
    while let Some(&byte) = part.get(at) {
        if byte == b'%' {
            bytes.push(u8::try_from(digit(at + 1)? * 16 + digit(at + 2)?).ok()?);
            at += 3;
        } else {
            bytes.push(byte);
            at += 1;
        }
    }
    Some(bytes)
}
