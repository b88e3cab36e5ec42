//! The prepared statements of a session.

use std::collections::{HashMap, VecDeque};

/// The statements that a session has prepared, oldest first.
#[derive(Debug)]
pub(crate) struct PreparedStatements {
    max: usize,
    names: HashMap<String, String>,
    /// The texts, in the order in which they were prepared.
    order: VecDeque<String>,
    next: u64,
}

/// Whether a statement is prepared.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Preparation {
    /// It is prepared under this name.
    Done(String),
    /// It must be prepared under this name, which is empty if it is not kept.
    Needed(String),
}

impl PreparedStatements {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, names: HashMap::new(), order: VecDeque::new(), next: 0 }
    }

    pub(crate) fn find(&mut self, text: &str) -> Preparation {
        if self.max == 0 {
            return Preparation::Needed(String::new());
        }
        if let Some(name) = self.names.get(text) {
            return Preparation::Done(name.clone());
        }
        self.next += 1;
        Preparation::Needed(format!("p{}", self.next))
    }

    /// Adds a statement that the server has prepared.
    pub(crate) fn keep(&mut self, text: String, name: String) {
        if !name.is_empty() && self.names.insert(text.clone(), name).is_none() {
            self.order.push_back(text);
        }
    }

    /// Removes the oldest statement above the maximum, and returns its name.
    pub(crate) fn take_excess(&mut self) -> Option<String> {
        if self.order.len() <= self.max {
            return None;
        }
        let text = self.order.pop_front()?;
        self.names.remove(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_statement_is_closed_first() {
        let mut prepared = PreparedStatements::new(1);
        for text in ["a", "b"] {
            let Preparation::Needed(name) = prepared.find(text) else { panic!("{text}") };
            prepared.keep(text.to_owned(), name);
        }
        assert_eq!(prepared.take_excess(), Some("p1".to_owned()));
        assert_eq!(prepared.take_excess(), None);
        assert_eq!(prepared.find("b"), Preparation::Done("p2".to_owned()));
        assert_eq!(prepared.find("a"), Preparation::Needed("p3".to_owned()));
    }

    #[test]
    fn statements_are_unnamed_if_none_are_kept() {
        let mut prepared = PreparedStatements::new(0);
        assert_eq!(prepared.find("a"), Preparation::Needed(String::new()));
        prepared.keep("a".to_owned(), String::new());
        assert_eq!(prepared.find("a"), Preparation::Needed(String::new()));
    }
}
