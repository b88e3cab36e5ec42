//! Actions of people.

use serde_json::{Map, json};

use super::super::names::{PEOPLE, REGIONS, ROLES, TEAMS, TENANTS};
use super::targets::secret;
use super::{Act, meta};

/// Reasons for stopping a project or revoking a key.
const SUSPENDED: [&str; 3] = ["budget exceeded", "requested by owner", "security review"];
const REVOKED: [&str; 3] = ["no longer used", "replaced", "owner left"];

impl Act<'_> {
    pub(super) fn person(&mut self) {
        match self.random.below(1000) {
            0..330 => self.reads_secrets(),
            330..510 => self.updates_project(),
            510..610 => self.deploys(),
            610..710 => self.signs_in(),
            710..770 => self.rotates_secrets(),
            770..815 => self.adds_secret(),
            815..850 => self.creates_project(),
            850..875 => self.creates_key(),
            875..900 => self.rotates_key(),
            900..918 => self.revokes_key(),
            918..942 => self.invites(),
            942..952 => self.removes(),
            952..966 => self.changes_role(),
            966..981 => self.joins_team(),
            981..986 => self.changes_settings(),
            986..992 => self.suspends_project(),
            _ => self.deletes_project(),
        }
    }

    fn reads_secrets(&mut self) {
        let project = self.project();
        for _ in 0..self.random.between(1, 4) {
            let secret = secret(self.random, &project);
            self.record("secret.accessed", "secret", secret, meta([("project", json!(project))]));
            self.pause(15);
        }
    }

    pub(super) fn updates_project(&mut self) {
        let project = self.project();
        let change = match self.random.below(3) {
            0 => meta([("replicas", json!({"from": 2, "to": self.random.between(3, 9)}))]),
            1 => {
                let to = REGIONS[self.random.index(REGIONS.len())];
                meta([("region", json!({"from": REGIONS[0], "to": to}))])
            }
            _ => meta([("fields", json!(["description", "labels"]))]),
        };
        self.record("project.updated", "project", project, change);
    }

    pub(super) fn deploys(&mut self) {
        let project = self.project();
        let deployment = self.targets.new_deployment();
        let version = format!("1.{}.{}", self.random.between(4, 60), self.random.below(12));
        let metadata = meta([("project", json!(project)), ("version", json!(version))]);
        self.record("deployment.created", "deployment", deployment, metadata);
    }

    fn signs_in(&mut self) {
        let method = self.random.among(&["sso", "sso", "sso", "passkey"]);
        let person = self.actor.id.clone();
        self.record("user.signed_in", "user", person, meta([("method", json!(method))]));
    }

    /// Rotates several secrets.
    fn rotates_secrets(&mut self) {
        let project = self.project();
        for _ in 0..self.random.between(1, 6) {
            let secret = secret(self.random, &project);
            let version = self.random.between(2, 40);
            let metadata = meta([("reason", json!("manual")), ("version", json!(version))]);
            self.record("secret.rotated", "secret", secret, metadata);
            self.pause(6);
        }
    }

    fn adds_secret(&mut self) {
        let project = self.project();
        let secret = format!("{project}/APP_{}", self.random.letters(5));
        self.record("secret.created", "secret", secret, meta([("project", json!(project))]));
    }

    /// One request creates the project, its first secrets and its key.
    fn creates_project(&mut self) {
        let project = self.targets.new_project(self.tenant);
        let region = REGIONS[self.random.index(REGIONS.len())];
        let name = project.rsplit('/').next().unwrap_or_default().to_owned();
        let metadata = meta([("name", json!(name)), ("region", json!(region))]);
        self.record("project.created", "project", project.clone(), metadata);
        for secret in ["DATABASE_URL", "SESSION_KEY"] {
            let id = format!("{project}/{secret}");
            self.record("secret.created", "secret", id, meta([("project", json!(project))]));
        }
        let key = self.targets.new_key();
        let metadata = meta([("project", json!(project)), ("name", json!("default"))]);
        self.record("key.created", "api_key", key, metadata);
    }

    fn creates_key(&mut self) {
        let key = self.targets.new_key();
        let name = self.random.among(&["local testing", "ci", "notebook", "integration"]);
        let days = self.random.among(&[30, 90, 365]);
        let metadata = meta([("name", json!(name)), ("expires_in_days", json!(days))]);
        self.record("key.created", "api_key", key, metadata);
    }

    fn rotates_key(&mut self) {
        let key = self.targets.key(self.random);
        self.record("key.rotated", "api_key", key, meta([("reason", json!("manual"))]));
    }

    fn revokes_key(&mut self) {
        let key = self.targets.key(self.random);
        let reason = self.random.among(&REVOKED);
        self.record("key.revoked", "api_key", key, meta([("reason", json!(reason))]));
    }

    fn invites(&mut self) {
        let guest = self.targets.new_guest();
        let email = format!("{guest}@{}", TENANTS[self.tenant].1);
        let role = self.random.among(&ROLES[..2]);
        let metadata = meta([("email", json!(email)), ("role", json!(role))]);
        self.record("user.invited", "user", guest, metadata);
    }

    fn removes(&mut self) {
        let guest = self.targets.guest(self.random);
        self.record("user.removed", "user", guest, meta([("reason", json!("contract ended"))]));
    }

    fn changes_role(&mut self) {
        let colleague = self.colleague();
        let from = self.random.index(ROLES.len() - 1);
        let to = from + 1;
        let (from, to) = if self.random.chance(700) { (from, to) } else { (to, from) };
        let metadata = meta([("from", json!(ROLES[from])), ("to", json!(ROLES[to]))]);
        self.record("user.role_changed", "user", colleague, metadata);
    }

    fn joins_team(&mut self) {
        let colleague = self.colleague();
        let team = format!("{}/{}", TENANTS[self.tenant].0, self.random.among(&TEAMS));
        self.record("team.member_added", "team", team, meta([("member", json!(colleague))]));
    }

    fn changes_settings(&mut self) {
        let organization = TENANTS[self.tenant].0.to_owned();
        let hours = self.random.among(&[8, 12, 24]);
        let metadata = meta([("session_hours", json!(hours))]);
        self.record("organization.settings_updated", "organization", organization, metadata);
    }

    fn suspends_project(&mut self) {
        let project = self.targets.idle_project(self.random, self.tenant);
        let reason = self.random.among(&SUSPENDED);
        self.record("project.suspended", "project", project, meta([("reason", json!(reason))]));
    }

    /// Deletes a short-lived project, so that no later record is about a deleted one.
    fn deletes_project(&mut self) {
        let pull = self.random.between(100, 99_999);
        let project = format!("{}/preview-{pull}", TENANTS[self.tenant].0);
        self.record("project.deleted", "project", project, Map::new());
    }

    fn colleague(&mut self) -> String {
        loop {
            let (person, tenant, _) = PEOPLE[self.random.index(PEOPLE.len())];
            if tenant == self.tenant && person != self.actor.id {
                return person.to_owned();
            }
        }
    }
}
