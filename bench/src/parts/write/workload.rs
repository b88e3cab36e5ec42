//! The workloads, the sides, and the selection by `--only`.

use crate::harness::peers::{Route, Side};
use crate::parts::limits;
use xtask::error::{Error, Result};

/// In the mixed workload every fourth request is a read.
pub(super) const READ_EVERY: u32 = 4;

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    /// One record a request, over a number of connections.
    Single(u16),
    /// A number of records a request.
    Batch(u32),
    /// One record with much metadata a request.
    Large,
    /// A hundred records with much metadata a request.
    LargeBatch,
    /// One record a request, with interleaved reads of the newest page.
    Mixed,
}

impl Workload {
    pub(super) const ALL: [Self; 8] = [
        Self::Single(1),
        Self::Single(16),
        Self::Single(64),
        Self::Batch(100),
        Self::Batch(1_000),
        Self::Large,
        Self::LargeBatch,
        Self::Mixed,
    ];

    /// Its name in the report.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Single(1) => "single, 1 connection".to_owned(),
            Self::Single(connections) => format!("single, {connections} connections"),
            Self::Batch(1_000) => "batches of 1,000, 2 connections".to_owned(),
            Self::Batch(size) => format!("batches of {size}, 2 connections"),
            Self::Large => "single, 16 connections, much metadata".to_owned(),
            Self::LargeBatch => "batches of 100, 2 connections, much metadata".to_owned(),
            Self::Mixed => "mixed, 16 connections".to_owned(),
        }
    }

    pub(super) const fn connections(self) -> u16 {
        match self {
            Self::Single(connections) => connections,
            Self::Batch(_) | Self::LargeBatch => 2,
            Self::Large | Self::Mixed => 16,
        }
    }

    /// Whether its records have much metadata.
    pub(super) const fn is_large(self) -> bool {
        matches!(self, Self::Large | Self::LargeBatch)
    }

    /// The route of a server for this workload, if it has one.
    pub(super) fn route(self, side: Side) -> Option<Route> {
        match self {
            Self::Single(_) | Self::Large => Some(side.single()),
            Self::Batch(_) | Self::LargeBatch => side.batch(),
            Self::Mixed => side.newest().map(|_| side.single()),
        }
    }
}

/// A measured side: a server, or a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MeasuredSide {
    Server(Side),
    /// Single-row INSERT.
    Pgbench,
    /// Over one connection or two.
    Copy(usize),
}

impl MeasuredSide {
    pub(super) fn all() -> Vec<Self> {
        let servers = Side::ALL.into_iter().map(Self::Server);
        servers.chain([Self::Pgbench, Self::Copy(1), Self::Copy(2)]).collect()
    }

    /// Its name in the report.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Server(side) => side.name(),
            Self::Pgbench => limits::SIDE,
            Self::Copy(1) => "COPY, 1 connection",
            Self::Copy(_) => "COPY, 2 connections",
        }
    }

    /// Whether it supports a workload.
    pub(super) fn supports(self, workload: Workload) -> bool {
        match self {
            Self::Server(side) => workload.route(side).is_some(),
            Self::Pgbench => matches!(workload, Workload::Single(_) | Workload::Large),
            Self::Copy(_) => matches!(workload, Workload::Batch(_)),
        }
    }
}

/// The selected sides and workloads.
#[derive(Debug, PartialEq)]
pub(super) struct Selection {
    pub(super) sides: Vec<MeasuredSide>,
    pub(super) workloads: Vec<Workload>,
}

impl Selection {
    /// Those whose names contain one of the texts. If no text matches a side, all sides are selected, and
    /// likewise for workloads.
    pub(super) fn new(only: &[String]) -> Result<Self> {
        let matches =
            |name: &str, text: &String| name.to_lowercase().contains(&text.to_lowercase());
        let known = |text: &&String| {
            MeasuredSide::all().iter().any(|side| matches(side.name(), text))
                || Workload::ALL.iter().any(|workload| matches(&workload.name(), text))
        };
        if let Some(unknown) = only.iter().find(|text| !known(text)) {
            return Err(Error::Refused(format!(
                "`{unknown}` matches neither a side ({}) nor a workload ({})",
                MeasuredSide::all().iter().map(|side| side.name()).collect::<Vec<_>>().join("; "),
                Workload::ALL.map(Workload::name).join("; ")
            )));
        }
        let any = |name: &str| only.iter().any(|text| matches(name, text));
        let or_all = |some: Vec<_>, all: Vec<_>| if some.is_empty() { all } else { some };
        let some = MeasuredSide::all().into_iter().filter(|side| any(side.name())).collect();
        let sides = or_all(some, MeasuredSide::all());
        let all = Workload::ALL.to_vec();
        let some: Vec<_> = all.iter().copied().filter(|w| any(&w.name())).collect();
        Ok(Self { sides, workloads: if some.is_empty() { all } else { some } })
    }

    pub(super) fn servers(&self) -> Vec<Side> {
        let side = |side: &MeasuredSide| match side {
            MeasuredSide::Server(side) => Some(*side),
            MeasuredSide::Pgbench | MeasuredSide::Copy(_) => None,
        };
        self.sides.iter().filter_map(side).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(only: &[&str]) -> Selection {
        Selection::new(&only.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn everything_is_selected_by_default() {
        let all = selection(&[]);
        assert_eq!((all.sides.len(), all.workloads.len()), (8, 8));
    }

    #[test]
    fn text_selects_sides_or_workloads() {
        let some = selection(&["Fastify", "auditrail"]);
        assert_eq!(some.servers(), [Side::Ours, Side::Fastify]);
        assert_eq!(some.workloads.len(), 8);
        let some = selection(&["64", "1,000"]);
        assert_eq!(some.workloads, [Workload::Single(64), Workload::Batch(1_000)]);
        assert_eq!(some.sides.len(), 8);
    }

    #[test]
    fn unknown_text_is_refused() {
        let error = Selection::new(&["nginx".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("`nginx` matches neither"), "{error}");
        assert!(error.contains("PostgREST; pgbench"), "{error}");
    }

    #[test]
    fn sides_support_only_their_workloads() {
        assert!(!MeasuredSide::Server(Side::Fastify).supports(Workload::Batch(100)));
        assert!(MeasuredSide::Server(Side::Fastify).supports(Workload::Mixed));
        assert!(MeasuredSide::Server(Side::Postgrest).supports(Workload::Batch(100)));
        assert!(!MeasuredSide::Server(Side::Axum).supports(Workload::Mixed));
        assert!(MeasuredSide::Copy(2).supports(Workload::Batch(100)));
        assert!(!MeasuredSide::Pgbench.supports(Workload::Mixed));
    }
}
