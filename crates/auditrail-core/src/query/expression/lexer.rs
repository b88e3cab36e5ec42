//! Splits an expression into terms, values and phrases, with their positions.

use super::error::ExpressionError;
use crate::error::ErrorCode;
use crate::limits::{EXPRESSION_ALTERNATIVES_MAX, EXPRESSION_MAX_CHARS, EXPRESSION_TERMS_MAX};

/// A term, before its key and values are parsed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RawTerm {
    pub(super) is_excluded: bool,
    /// The key, and its position; `None` for a word or a phrase.
    pub(super) key: Option<(String, usize)>,
    /// The values, or the word or phrase; at least one.
    pub(super) values: Vec<RawValue>,
}

/// A value of a term.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RawValue {
    /// Where it starts, in characters from 1.
    pub(super) position: usize,
    pub(super) text: String,
    pub(super) is_quoted: bool,
    /// Whether a star follows the closing quote. That of a bare value is part of its text.
    pub(super) has_star: bool,
}

/// Splits the text of an expression.
pub(super) fn terms(text: &str) -> Result<Vec<RawTerm>, ExpressionError> {
    let chars: Vec<char> = text.chars().take(EXPRESSION_MAX_CHARS + 1).collect();
    if chars.len() > EXPRESSION_MAX_CHARS {
        let detail = format!("has more than the {EXPRESSION_MAX_CHARS} characters allowed");
        return Err(ExpressionError::new(EXPRESSION_MAX_CHARS + 1, ErrorCode::TooLong, detail));
    }
    let mut lexer = Lexer { chars: &chars, at: 0 };
    let mut terms = Vec::new();
    while lexer.skip_blanks() {
        if terms.len() == EXPRESSION_TERMS_MAX {
            let detail = format!("is one more than the {EXPRESSION_TERMS_MAX} terms allowed");
            return Err(lexer.error(ErrorCode::TooMany, detail));
        }
        terms.push(lexer.term()?);
    }
    Ok(terms)
}

/// Whether a character separates terms.
pub(super) const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// Takes the next character if it is this one.
    fn take(&mut self, c: char) -> bool {
        let is_next = self.peek() == Some(c);
        self.at += usize::from(is_next);
        is_next
    }

    /// The position of the next character, from 1.
    const fn position(&self) -> usize {
        self.at + 1
    }

    fn error(&self, code: ErrorCode, detail: impl Into<String>) -> ExpressionError {
        ExpressionError::new(self.position(), code, detail)
    }

    /// Whether anything follows the blanks.
    fn skip_blanks(&mut self) -> bool {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
        self.peek().is_some()
    }

    fn is_at_end_of_term(&self) -> bool {
        self.peek().is_none_or(is_blank)
    }

    fn term(&mut self) -> Result<RawTerm, ExpressionError> {
        let is_excluded = self.take('-');
        if self.is_at_end_of_term() {
            let detail = "a word, a phrase or a key must follow the minus sign without a blank";
            return Err(self.error(ErrorCode::Empty, detail));
        }
        if self.peek() == Some('"') {
            let phrase = self.quoted()?;
            self.expect_end_of_term()?;
            return Ok(RawTerm { is_excluded, key: None, values: vec![phrase] });
        }
        let word = self.bare(&[':'])?;
        if !self.take(':') {
            return Ok(RawTerm { is_excluded, key: None, values: vec![word] });
        }
        let key = Some((word.text, word.position));
        Ok(RawTerm { is_excluded, key, values: self.values()? })
    }

    /// Takes the values after the colon of a key.
    fn values(&mut self) -> Result<Vec<RawValue>, ExpressionError> {
        let mut values = Vec::new();
        loop {
            if values.len() == EXPRESSION_ALTERNATIVES_MAX {
                let detail = format!(
                    "is one more than the {EXPRESSION_ALTERNATIVES_MAX} values allowed for a key"
                );
                return Err(self.error(ErrorCode::TooMany, detail));
            }
            if self.is_at_end_of_term() || self.peek() == Some(',') {
                let detail =
                    "a value must be here, without a blank before it; an empty one is \"\"";
                return Err(self.error(ErrorCode::Empty, detail));
            }
            let is_quoted = self.peek() == Some('"');
            values.push(if is_quoted { self.quoted()? } else { self.bare(&[','])? });
            if !self.take(',') {
                self.expect_end_of_term()?;
                return Ok(values);
            }
        }
    }

    /// Takes characters up to a blank or one of `ends`.
    fn bare(&mut self, ends: &[char]) -> Result<RawValue, ExpressionError> {
        let start = self.at;
        while let Some(c) = self.peek().filter(|c| !is_blank(*c) && !ends.contains(c)) {
            if c == '"' {
                let detail = "a quote must start a word or a value; write a quote in a text as \\\" \
                              between quotes";
                return Err(self.error(ErrorCode::BadFormat, detail));
            }
            self.at += 1;
        }
        let text = self.chars[start..self.at].iter().collect();
        Ok(RawValue { position: start + 1, text, is_quoted: false, has_star: false })
    }

    /// Takes a text in quotes, in which `\"` is a quote and `\\` a backslash.
    fn quoted(&mut self) -> Result<RawValue, ExpressionError> {
        let position = self.position();
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(c) = self.peek() else {
                let detail = "the quote that starts here has no closing one";
                return Err(ExpressionError::new(position, ErrorCode::BadFormat, detail));
            };
            self.at += 1;
            match c {
                '"' => break,
                '\\' if matches!(self.peek(), Some('"' | '\\')) => {
                    text.extend(self.peek());
                    self.at += 1;
                }
                _ => text.push(c),
            }
        }
        Ok(RawValue { position, text, is_quoted: true, has_star: self.take('*') })
    }

    fn expect_end_of_term(&self) -> Result<(), ExpressionError> {
        if self.is_at_end_of_term() {
            return Ok(());
        }
        Err(self.error(ErrorCode::BadFormat, "a blank must be here, before the next term"))
    }
}
