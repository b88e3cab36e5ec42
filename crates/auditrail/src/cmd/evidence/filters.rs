//! The filters of a pack, and which fields it withholds.

use std::collections::BTreeSet;

use auditrail_core::{Filters, Intents};
use auditrail_evidence::FieldName;
use auditrail_evidence::pack::PackLine;
use auditrail_evidence::{Disclosure, FIELDS};
use jiff::Timestamp;

use crate::cli::FilterArgs;
use crate::cmd::filters::filters;
use crate::error::Error;

/// Which records a pack has, and what it shows of them.
pub(super) struct PackFilters {
    /// `None` if no record is left out.
    pub(super) filters: Option<Filters>,
    withheld: BTreeSet<FieldName>,
}

impl PackFilters {
    pub(super) fn of(
        args: &FilterArgs,
        withheld: &[FieldName],
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut filters = filters(args, now)?;
        // An export has all intents in any case.
        filters.intents = filters.intents.filter(|intents| *intents != Intents::All);
        let filters = (filters != Filters::default()).then_some(filters);
        Ok(Self { filters, withheld: withheld.iter().copied().collect() })
    }

    /// The filters as a pack declares them. The value of a filter on a withheld field would show what is withheld.
    pub(super) fn shown(&self) -> Vec<(String, Option<String>)> {
        let pairs = self.filters.iter().flat_map(Filters::to_pairs);
        let shown = pairs.map(|(name, value)| {
            if self.shows_withheld(&name) {
                // A key of `metadata` is withheld too.
                (column(&name).to_owned(), None)
            } else {
                (name.into_owned(), Some(value))
            }
        });
        shown.collect()
    }

    /// Whether the value of a filter may be that of a withheld field.
    fn shows_withheld(&self, filter: &str) -> bool {
        match column(filter) {
            // The time is always shown.
            "start_date" | "end_date" => false,
            "intents" => self.withheld.iter().any(|field| field.as_str() == "outcome"),
            name => match name.parse::<FieldName>() {
                Ok(field) => self.withheld.contains(&field),
                // An expression may be on any field.
                Err(()) => !self.withheld.is_empty(),
            },
        }
    }

    /// Leaves the values of withheld fields out.
    pub(super) fn withhold(&self, line: &mut PackLine) {
        let PackLine::Record { fields, .. } = line else { return };
        for field in FIELDS.into_iter().filter(|field| self.withheld.contains(field)) {
            let shown = &mut fields[field.index()];
            if matches!(shown, Disclosure::Shown { .. }) {
                *shown = Disclosure::Withheld(shown.commitment(field));
            }
        }
    }
}

/// The column of a filter.
fn column(filter: &str) -> &str {
    filter.split_once('.').map_or(filter, |(name, _)| name)
}
