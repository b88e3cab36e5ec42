//! A record that the handler writes itself, in its own transaction.

use auditrail_core::limits::{
    ACTOR_ID_MAX_CHARS, ACTOR_NAME_MAX_CHARS, TARGET_NAME_MAX_CHARS, TENANT_ID_MAX_CHARS,
};
use auditrail_core::{Action, CreateInput, Record, RecordId, Target};

use super::columns::{actor, method_text, parse_or_truncate, truncated};
use super::handle::{AuditHandle, Enrichment};
use super::metadata::{Http, Parts};
use super::outcome::Outcome;
use super::principal::Principal;
use crate::policy::column;

impl AuditHandle {
    /// An input with all that the layer knows about the request, for a record that the handler writes in its own
    /// transaction, for example with `auditrail-in-transaction`.
    ///
    /// It has an id, the actor with its name, the address, the user agent, the request id, the tenant, the name of the
    /// target, the outcome `success`, and the metadata of the layer: `http` with method and route, `rule`,
    /// `impersonator`, `credential_id`, and what [`diff`](Self::diff) and [`add_metadata`](Self::add_metadata) set
    /// before. A tenant that the rule takes from a body is not known yet. Setting other metadata replaces that of the
    /// layer, so add yours with [`add_metadata`](Self::add_metadata) first. Do not change the id.
    ///
    /// ```
    /// # use auditrail_core::{CreateInput, Record, ValueError};
    /// # use auditrail_tower::AuditHandle;
    /// # struct Transaction;
    /// # impl Transaction { async fn commit(self) -> Result<(), ValueError> { Ok(()) } }
    /// # async fn record_in(_: &mut Transaction, _: &CreateInput) -> Result<Record, ValueError> { unimplemented!() }
    /// async fn delete(audit: AuditHandle, mut tx: Transaction, id: &str) -> Result<(), ValueError> {
    ///     audit.add_metadata("reason", "asked");
    ///     let target = format!("project:{id}").parse()?;
    ///     let input = audit.input("project.deleted".parse()?, target);
    ///     let record = record_in(&mut tx, &input).await?;
    ///     tx.commit().await?;
    ///     audit.committed(&record);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Exactly one record
    ///
    /// After [`committed`](Self::committed) the rule is satisfied: the layer writes nothing more. With `must` the record
    /// is the outcome of the intent. Without that call, because the transaction was rolled back, the handler failed
    /// before its commit or was cancelled, the layer writes the record of the rule as usual, with the same id. So if the
    /// commit took effect although the handler did not learn of it, the committed record stays, and the service
    /// refuses the layer's as a conflict, which the recorder counts.
    ///
    /// Further inputs of the same request have ids of their own, and are additional records.
    #[must_use]
    pub fn input(&self, action: Action, target: Target) -> CreateInput {
        let caller = self.caller();
        let mut enrichment = self.enrichment();
        let id = enrichment.own.next_id();
        let principal = enrichment.principal.as_ref().unwrap_or(&caller.principal);
        let tenant = enrichment
            .tenant_id
            .as_ref()
            .or(caller.rule_tenant.as_ref())
            .or(principal.tenant_id.as_ref());
        let mut input = CreateInput::new(actor(&principal.actor), action, target);
        input.id = id;
        input.tenant_id = tenant.and_then(|text| parse_or_truncate(text, TENANT_ID_MAX_CHARS));
        input.context = caller.context(self.request_id());
        input.outcome = Some(auditrail_core::Outcome::Success);
        input.actor_name = truncated(principal.name.as_deref(), ACTOR_NAME_MAX_CHARS);
        input.target_name = truncated(enrichment.target_name.as_deref(), TARGET_NAME_MAX_CHARS);
        input.metadata = Some(self.metadata_of(&enrichment, principal, id).into_metadata());
        input
    }

    /// Confirms that the transaction with the record of [`input`](Self::input) was committed, so that the layer does not
    /// write one. Call it after the commit succeeded, never before.
    ///
    /// A record with another id than that of the first input has no effect, unless there was no input: then the handler
    /// made its record itself, and with `must` its id has to be that of the outcome.
    pub fn committed(&self, record: &Record) {
        self.enrichment().own.commit(record.id);
    }

    fn metadata_of<'a>(
        &'a self,
        enrichment: &'a Enrichment,
        principal: &Principal,
        id: Option<RecordId>,
    ) -> Parts<'a> {
        let caller = self.caller();
        let rule = caller.rule.map(|rule| &self.policy().rules()[rule]);
        let short = |text: &String| column(text, ACTOR_ID_MAX_CHARS);
        let intent_id =
            enrichment.own.intent.filter(|intent| Some(intent.outcome_of_intent()) == id);
        Parts {
            http: Http {
                method: method_text(&caller.method),
                route: rule.map(|rule| rule.route.as_str()),
                status: None,
                grpc_status: None,
                duration_ms: None,
            },
            outcome: Some(Outcome::Success),
            rule: rule.map(|rule| rule.name.as_str()),
            other_readings: Vec::new(),
            impersonator: principal.impersonator.as_ref().map(short),
            credential_id: principal.credential_id.as_ref().map(short),
            phase: intent_id.map(|_| "outcome"),
            intent_id,
            request: None,
            response: None,
            before: enrichment.before.as_ref(),
            after: enrichment.after.as_ref(),
            extra: enrichment.extra.as_ref(),
            truncated: Vec::new(),
        }
    }
}
