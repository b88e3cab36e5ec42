/** Who made a request, as the application tells it. */
import { asId } from "../policy/pointer.js";
import type { ActorType } from "../types.js";

/** Who made a request. */
export interface Principal {
  /** Who acts. */
  readonly actor: { readonly type: ActorType; readonly id: string };
  /** Who acts in the name of the actor, such as an administrator. */
  readonly impersonator?: string | undefined;
  /** The id of the session, token or key that was shown; never what would let its reader in. */
  readonly credential_id?: string | undefined;
  /** Whose record it is, unless the rule says. */
  readonly tenant_id?: string | undefined;
}

/** Where the application says nobody. */
export const ANONYMOUS: Principal = { actor: { type: "user", id: "anonymous" } };
/** Where the application failed to say. */
export const UNKNOWN: Principal = { actor: { type: "user", id: "unknown" } };

const ACTOR_TYPES: Readonly<Record<ActorType, true>> = { user: true, system: true, api_key: true };

/**
 * The same as the service takes it: ids from databases are often numbers, whatever the types say.
 * Throws where there is no actor in it, because the service would refuse the record for good.
 */
export function sound(said: Principal): Principal {
  const id = asId(said.actor.id);
  if (id === undefined || !Object.hasOwn(ACTOR_TYPES, said.actor.type)) {
    throw new TypeError("an actor has a type (user, system or api_key) and an id");
  }
  return {
    actor: { type: said.actor.type, id },
    impersonator: asId(said.impersonator),
    credential_id: asId(said.credential_id),
    tenant_id: asId(said.tenant_id),
  };
}
