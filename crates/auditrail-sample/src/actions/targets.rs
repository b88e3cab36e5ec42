//! The targets: a few busy ones and a long tail, growing through the month.

use super::super::actors::key_id;
use super::super::names::{PROJECTS, SECRETS, TENANTS};
use super::super::random::Random;

/// Projects of each organization at the start of the month.
const OLD_PROJECTS: [u64; 2] = [160, 60];

/// API keys at the start of the month; the first few are actors.
const OLD_KEYS: u64 = 300;

/// The number of targets of each kind so far. Names are derived from numbers, so memory is constant.
#[derive(Debug)]
pub(crate) struct Targets {
    projects: [u64; 2],
    keys: u64,
    guests: u64,
    deployments: u64,
}

impl Targets {
    pub(crate) fn new() -> Self {
        Self { projects: OLD_PROJECTS, keys: OLD_KEYS, guests: 40, deployments: 51_200 }
    }

    /// An existing project, mostly an old and busy one.
    pub(crate) fn project(&self, random: &mut Random, tenant: usize) -> String {
        name(tenant, random.rank(self.projects[tenant]))
    }

    /// An idle project.
    pub(crate) fn idle_project(&self, random: &mut Random, tenant: usize) -> String {
        let projects = self.projects[tenant];
        name(tenant, projects / 2 + random.below(projects / 2))
    }

    pub(crate) fn new_project(&mut self, tenant: usize) -> String {
        let project = name(tenant, self.projects[tenant]);
        self.projects[tenant] += 1;
        project
    }

    /// An existing key that is not an actor.
    pub(crate) fn key(&self, random: &mut Random) -> String {
        key_id(self.keys - 1 - random.rank(self.keys - 20))
    }

    pub(crate) fn new_key(&mut self) -> String {
        self.keys += 1;
        key_id(self.keys - 1)
    }

    pub(crate) fn new_guest(&mut self) -> String {
        self.guests += 1;
        format!("guest-{}", self.guests)
    }

    /// A user who was invited earlier.
    pub(crate) fn guest(&self, random: &mut Random) -> String {
        format!("guest-{}", 1 + random.below(self.guests))
    }

    pub(crate) fn new_deployment(&mut self) -> String {
        self.deployments += 1;
        format!("dep-{}", self.deployments)
    }
}

/// A secret of `project`, mostly a common one.
pub(crate) fn secret(random: &mut Random, project: &str) -> String {
    let place = usize::try_from(random.rank(SECRETS.len() as u64)).unwrap_or(0);
    format!("{project}/{}", SECRETS[place])
}

/// The n-th project of an organization, as `lumen/checkout-api`.
fn name(tenant: usize, n: u64) -> String {
    let names = PROJECTS.len() as u64;
    let base = PROJECTS[usize::try_from(n % names).unwrap_or(0)];
    match n / names {
        0 => format!("{}/{base}", TENANTS[tenant].0),
        round => format!("{}/{base}-{}", TENANTS[tenant].0, round + 1),
    }
}
