/** The principal of a request, as provided by the application. */
import { asId } from "../policy/pointer.js";
import type { ActorType } from "../types.js";

/** The principal of a request. */
export interface Principal {
  /** The actor. */
  readonly actor: { readonly type: ActorType; readonly id: string };
  /** The name of the actor for people, as it is now. */
  readonly name?: string | undefined;
  /** The user who impersonates the actor, such as an administrator. */
  readonly impersonator?: string | undefined;
  /** The id of the session, token or key used; never the secret itself. */
  readonly credential_id?: string | undefined;
  /** The tenant of the record, unless the rule sets it. */
  readonly tenant_id?: string | undefined;
}

/** Without a principal. */
export const ANONYMOUS: Principal = { actor: { type: "user", id: "anonymous" } };
/** After a failure of the extractor. */
export const UNKNOWN: Principal = { actor: { type: "user", id: "unknown" } };

const ACTOR_TYPES: Readonly<Record<ActorType, true>> = { user: true, system: true, api_key: true };

/**
 * Validates a principal and converts numeric ids, which databases often have, to strings. Throws without a
 * valid actor, because the service would reject the record.
 *
 * The id of a system actor is always `system`; another one becomes the name, unless there is a name.
 */
export function validPrincipal(principal: Principal): Principal {
  const id = asId(principal.actor.id);
  if (id === undefined || !Object.hasOwn(ACTOR_TYPES, principal.actor.type)) {
    throw new TypeError("an actor must have a type (user, system or api_key) and an id");
  }
  const isOtherSystem = principal.actor.type === "system" && id !== "system";
  return {
    actor: { type: principal.actor.type, id: isOtherSystem ? "system" : id },
    name: asId(principal.name) ?? (isOtherSystem ? id : undefined),
    impersonator: asId(principal.impersonator),
    credential_id: asId(principal.credential_id),
    tenant_id: asId(principal.tenant_id),
  };
}
