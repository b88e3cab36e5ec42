//! Words and phrases: what a search in text finds in a record.
//!
//! This module is the definition; `docs/search.md` explains it to people, and the store has the same as SQL.
//!
//! - The *text of a record* has one line for each of the [`columns`](TEXT_COLUMNS) that is not NULL. The
//!   metadata is the JSON text that PostgreSQL prints, with its escapes resolved; an escaped control character,
//!   such as a line break, is a line break. So nothing is found across two columns, or across two lines.
//! - Every character is a [separator, a letter, or a word of its own](CharKind). The lists of the last two are
//!   ranges of code points, so that a new version of Unicode changes nothing. A *word* is a longest run of
//!   letters, or one character that is a word of its own.
//! - Characters are compared in lower case, each by itself ([`fold`]). No accent is removed, and a composed
//!   character differs from its decomposed form.
//! - A [`Phrase`] occurs where its characters occur one after the other, separators included, and where it
//!   starts or ends with a letter, it starts or ends with the word.

mod chars;
mod phrase;
mod split;
mod text;

pub use chars::{CharKind, SEPARATORS, WORDS_OF_ONE_CHAR, fold, folded_from};
pub use phrase::Phrase;
pub use split::words_of;
pub use text::{TEXT_COLUMNS, text_of, user_agent_of};
