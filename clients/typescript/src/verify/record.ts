/** The document of a proof: what it shows of a record, and the entry that follows from it. */
import { type Bytes, concat, hmac, sha256, unbase64, utf8 } from "./bytes.js";
import { InvalidProof, ensure } from "./invalid.js";

const VERSION = "auditrail/proof/v1";
/** The longest document, in characters. */
const DOCUMENT_MAX = 4 * 1024 * 1024;

/** The fields that an entry commits to, in their order, which never changes. */
export const FIELDS = [
  "actor_type",
  "actor_id",
  "action",
  "target_type",
  "target_id",
  "metadata",
  "ip_address",
  "user_agent",
  "tenant_id",
  "request_id",
  "outcome",
  "actor_name",
  "target_name",
  "recorded_by",
] as const;

/** The name of a field. */
export type FieldName = (typeof FIELDS)[number];

/** What a proof shows of a field: its value with a salt, or the commitment alone. */
export type Disclosure =
  | { readonly kind: "shown"; readonly value: string | null; readonly salt: Bytes }
  | { readonly kind: "withheld" | "erased"; readonly commitment: Bytes };

/** What is shown of a record, of which nothing was verified. */
export interface ShownRecord {
  readonly id: string;
  readonly createdAt: string;
  readonly fields: ReadonlyMap<FieldName, Disclosure>;
}

/** A proof, of which nothing was verified. */
export interface ProofDocument extends ShownRecord {
  readonly tlogProof: string;
}

/** Reads the document of a proof. */
export function parseDocument(text: string): ProofDocument {
  ensure(text.length <= DOCUMENT_MAX, `the document is longer than ${DOCUMENT_MAX} characters`);
  const document = members(parsedOnce(text), ["version", "id", "created_at", "fields", "tlog_proof"]);
  const [version, tlogProof] = ["version", "tlog_proof"].map((name) => string(document[name], name)) as [string, string];
  ensure(version === VERSION, `the document is of another version than ${VERSION}`);
  return { ...fieldsOf(document), tlogProof };
}

/** The members that show a record. */
export function fieldsOf(document: Record<string, unknown>): ShownRecord {
  const [id, createdAt] = ["id", "created_at"].map((name) => string(document[name], name)) as [string, string];
  ensure(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(id), "`id` is not in its only form");
  const values = members(document["fields"], FIELDS);
  return { id, createdAt, fields: new Map(FIELDS.map((name) => [name, disclosure(name, values[name])])) };
}

/** The entry of a record, from what is shown of it: 75 bytes. */
export async function entryOf({ id, createdAt, fields }: ShownRecord): Promise<Bytes> {
  const commitments = await Promise.all([...fields].map(([name, field]) => commitment(name, field)));
  const root = await sha256(utf8("auditrail/fields/v1\n"), ...commitments);
  const idBytes = Uint8Array.from(id.replaceAll("-", "").match(/../g) ?? [], (byte) => parseInt(byte, 16));
  const time = new DataView(new ArrayBuffer(8));
  time.setBigInt64(0, micros(createdAt));
  return concat(utf8("auditrail/entry/v1\n"), idBytes, new Uint8Array(time.buffer), root);
}

async function commitment(name: FieldName, field: Disclosure): Promise<Bytes> {
  if (field.kind !== "shown") {
    return field.commitment;
  }
  const presence = Uint8Array.of(0, field.value === null ? 0 : 1);
  return hmac(field.salt, concat(utf8(name), presence, utf8(field.value ?? "")));
}

/** The microseconds since 1970 of a time as records have it. */
function micros(text: string): bigint {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{6})Z$/.exec(text);
  const [, seconds = "", fraction = ""] = match ?? [];
  const millis = Date.parse(`${seconds}Z`);
  // `Date` takes the 30th of February for the 2nd of March.
  const isTime = match !== null && !Number.isNaN(millis) && new Date(millis).toISOString().startsWith(seconds);
  ensure(isTime, "`created_at` is not in its only form");
  return BigInt(millis) * 1000n + BigInt(fraction);
}

function disclosure(name: FieldName, value: unknown): Disclosure {
  const names = Object.keys(typeof value === "object" && value !== null ? value : {});
  const [kind] = names;
  if (names.length === 1 && (kind === "withheld" || kind === "erased")) {
    const field = value as Record<string, unknown>;
    return { kind, commitment: unbase64(string(field[kind], name), 32) };
  }
  const { value: shown, salt } = members(value, ["value", "salt"]);
  return { kind: "shown", value: shown === null ? null : string(shown, name), salt: unbase64(string(salt, name), 32) };
}

/** An object with exactly these members. */
export function members(value: unknown, names: readonly string[]): Record<string, unknown> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  ensure(isObject, "the document has another value in place of an object");
  const found = Object.keys(value);
  const missing = names.find((name) => !found.includes(name));
  ensure(missing === undefined, `\`${missing ?? ""}\` is missing`);
  const unknown = found.find((name) => !names.includes(name));
  ensure(unknown === undefined, `\`${unknown?.slice(0, 100) ?? ""}\` is not a member of a proof there`);
  return value as Record<string, unknown>;
}

/** A text. */
export function string(value: unknown, name: string): string {
  ensure(typeof value === "string" && value.isWellFormed(), `\`${name}\` is not text`);
  return value;
}

/** Parses JSON in which no object has a name twice: another reader might take the other value. */
export function parsedOnce(text: string): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new InvalidProof("the document is not JSON");
  }
  const names: Set<string>[] = [];
  for (const [token, name] of text.matchAll(/[{}]|("(?:[^"\\]|\\.)*")(?:\s*:)?/g)) {
    if (token === "{") {
      names.push(new Set());
    } else if (token === "}") {
      names.pop();
    } else if (name !== undefined && token.endsWith(":")) {
      const key = JSON.parse(name) as string;
      ensure(names.at(-1)?.has(key) !== true, `\`${key.slice(0, 100)}\` occurs twice`);
      names.at(-1)?.add(key);
    }
  }
  return parsed;
}
