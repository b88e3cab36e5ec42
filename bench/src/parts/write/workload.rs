//! What is asked of each side, and which sides and workloads are wanted.

use crate::harness::peers::{Route, Side};
use crate::parts::limits;
use xtask::error::{Error, Result};

/// The share of reads in mixed work: every fourth request is one.
pub(super) const READ_EVERY: u32 = 4;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    /// One record a request, over so many connections.
    Single(u16),
    /// So many records a request.
    Batch(u32),
    /// One record with much metadata a request.
    Large,
    /// A hundred of them a request.
    LargeBatch,
    /// One record a request, and the newest page in between.
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

    /// As the report has it.
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

    /// Where a server takes this; none, where it does not.
    pub(super) fn route(self, side: Side) -> Option<Route> {
        match self {
            Self::Single(_) | Self::Large => Some(side.single()),
            Self::Batch(_) | Self::LargeBatch => side.batch(),
            Self::Mixed => side.newest().map(|_| side.single()),
        }
    }
}

/// Who is measured: a server, or a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Server(Side),
    /// Single-row INSERT.
    Pgbench,
    /// Over one connection or two.
    Copy(usize),
}

impl Who {
    pub(super) fn all() -> Vec<Self> {
        let servers = Side::ALL.into_iter().map(Self::Server);
        servers.chain([Self::Pgbench, Self::Copy(1), Self::Copy(2)]).collect()
    }

    /// As the report has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Server(side) => side.name(),
            Self::Pgbench => limits::SIDE,
            Self::Copy(1) => "COPY, 1 connection",
            Self::Copy(_) => "COPY, 2 connections",
        }
    }

    /// Whether it can be asked for this.
    pub(super) fn takes(self, workload: Workload) -> bool {
        match self {
            Self::Server(side) => workload.route(side).is_some(),
            Self::Pgbench => matches!(workload, Workload::Single(_) | Workload::Large),
            Self::Copy(_) => matches!(workload, Workload::Batch(_)),
        }
    }
}

/// Which are wanted.
#[derive(Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) sides: Vec<Who>,
    pub(super) workloads: Vec<Workload>,
}

impl Wanted {
    /// Those whose names contain one of the texts. Texts that fit no side leave the sides as they are,
    /// and those that fit no workload the workloads.
    pub(super) fn new(only: &[String]) -> Result<Self> {
        let fits = |name: &str, text: &String| name.to_lowercase().contains(&text.to_lowercase());
        let known = |text: &&String| {
            Who::all().iter().any(|who| fits(who.name(), text))
                || Workload::ALL.iter().any(|workload| fits(&workload.name(), text))
        };
        if let Some(unknown) = only.iter().find(|text| !known(text)) {
            return Err(Error::Refused(format!(
                "`{unknown}` is neither in the name of a side ({}) nor in that of a workload ({})",
                Who::all().iter().map(|who| who.name()).collect::<Vec<_>>().join("; "),
                Workload::ALL.map(Workload::name).join("; ")
            )));
        }
        let any = |name: &str| only.iter().any(|text| fits(name, text));
        let or_all = |some: Vec<_>, all: Vec<_>| if some.is_empty() { all } else { some };
        let some = Who::all().into_iter().filter(|who| any(who.name())).collect();
        let sides = or_all(some, Who::all());
        let all = Workload::ALL.to_vec();
        let some: Vec<_> = all.iter().copied().filter(|w| any(&w.name())).collect();
        Ok(Self { sides, workloads: if some.is_empty() { all } else { some } })
    }

    pub(super) fn servers(&self) -> Vec<Side> {
        let side = |who: &Who| match who {
            Who::Server(side) => Some(*side),
            Who::Pgbench | Who::Copy(_) => None,
        };
        self.sides.iter().filter_map(side).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(only: &[&str]) -> Wanted {
        Wanted::new(&only.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn without_a_choice_all_is_wanted() {
        let all = wanted(&[]);
        assert_eq!((all.sides.len(), all.workloads.len()), (8, 8));
    }

    #[test]
    fn a_text_chooses_among_sides_or_workloads() {
        let some = wanted(&["Fastify", "auditrail"]);
        assert_eq!(some.servers(), [Side::Ours, Side::Fastify]);
        assert_eq!(some.workloads.len(), 8);
        let some = wanted(&["64", "1,000"]);
        assert_eq!(some.workloads, [Workload::Single(64), Workload::Batch(1_000)]);
        assert_eq!(some.sides.len(), 8);
    }

    #[test]
    fn what_is_nothing_is_refused_with_what_there_is() {
        let error = Wanted::new(&["nginx".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("`nginx` is neither"), "{error}");
        assert!(error.contains("PostgREST; pgbench"), "{error}");
    }

    #[test]
    fn peers_are_not_asked_for_what_they_have_not() {
        assert!(!Who::Server(Side::Fastify).takes(Workload::Batch(100)));
        assert!(Who::Server(Side::Fastify).takes(Workload::Mixed));
        assert!(Who::Server(Side::Postgrest).takes(Workload::Batch(100)));
        assert!(!Who::Server(Side::Axum).takes(Workload::Mixed));
        assert!(Who::Copy(2).takes(Workload::Batch(100)));
        assert!(!Who::Pgbench.takes(Workload::Mixed));
    }
}
