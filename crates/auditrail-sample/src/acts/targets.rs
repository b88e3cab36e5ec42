//! What there is to act on: a few busy things and a long tail, growing through the month.

use super::super::cast::key_id;
use super::super::dice::Dice;
use super::super::names::{PROJECTS, SECRETS, TENANTS};

/// Projects of each organization before the month.
const OLD_PROJECTS: [u64; 2] = [160, 60];

/// API keys made before the month; the first few are actors.
const OLD_KEYS: u64 = 300;

/// How many of each thing there are by now. Names follow from numbers, so nothing is remembered.
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

    /// A project there is, the old and busy ones by far the most often.
    pub(crate) fn project(&self, dice: &mut Dice, tenant: usize) -> String {
        name(tenant, dice.rank(self.projects[tenant]))
    }

    /// A project nobody works on.
    pub(crate) fn idle_project(&self, dice: &mut Dice, tenant: usize) -> String {
        let projects = self.projects[tenant];
        name(tenant, projects / 2 + dice.below(projects / 2))
    }

    pub(crate) fn new_project(&mut self, tenant: usize) -> String {
        let project = name(tenant, self.projects[tenant]);
        self.projects[tenant] += 1;
        project
    }

    /// A key there is, other than those that act all day.
    pub(crate) fn key(&self, dice: &mut Dice) -> String {
        key_id(self.keys - 1 - dice.rank(self.keys - 20))
    }

    pub(crate) fn new_key(&mut self) -> String {
        self.keys += 1;
        key_id(self.keys - 1)
    }

    pub(crate) fn new_guest(&mut self) -> String {
        self.guests += 1;
        format!("guest-{}", self.guests)
    }

    /// Somebody who was invited once.
    pub(crate) fn guest(&self, dice: &mut Dice) -> String {
        format!("guest-{}", 1 + dice.below(self.guests))
    }

    pub(crate) fn new_deployment(&mut self) -> String {
        self.deployments += 1;
        format!("dep-{}", self.deployments)
    }
}

/// A secret of `project`, the usual ones most often.
pub(crate) fn secret(dice: &mut Dice, project: &str) -> String {
    let place = usize::try_from(dice.rank(SECRETS.len() as u64)).unwrap_or(0);
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
