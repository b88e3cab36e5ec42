/** Shared by the tests: the service started by scripts/test.mjs, records, keys and waiting. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import type { HandlerRecord } from "../src/capture/handle.js";
import { AuditrailClient, type AuditRecord, type RecordInput } from "../src/index.js";

/** The URL of the real service and a key with all scopes. */
export const service = { url: env("AUDITRAIL_TS_URL"), key: env("AUDITRAIL_TS_KEY") };

/** The URL of its database, as its owner. */
export const databaseUrl = env("AUDITRAIL_TS_DATABASE_URL");

/** A client of the real service, or of a proxy in front of it. */
export function client(url = service.url, key = service.key): AuditrailClient {
  return new AuditrailClient({ url, key });
}

/** A unique name. */
export function unique(prefix = "a"): string {
  return `${prefix}-${randomUUID()}`;
}

/** A record of an actor. */
export function sample(actor: string, more: Partial<RecordInput> = {}): RecordInput {
  return {
    actor_type: "user",
    actor_id: actor,
    action: "project.created",
    target_type: "project",
    target_id: "apollo",
    ...more,
  };
}

/** The stored records of an actor, newest first, read without a proxy. */
export async function stored(actor: string): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  for await (const record of client().records({ actor_id: actor, intents: "all", limit: 1_000 })) {
    records.push(record);
  }
  return records;
}

/** Polls a condition, and fails at the deadline. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, deadlineMs = 30_000): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await holds())) {
    assert.ok(performance.now() < end, `waited too long: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Bytes in use after a garbage collection. */
export function live(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const directories: string[] = [];
process.once("exit", () => directories.forEach((directory) => rmSync(directory, { recursive: true, force: true })));

/** A directory that is deleted when the process exits. */
export function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), "auditrail-client-"));
  directories.push(directory);
  return directory;
}

/** The contents of all files of a directory. */
export function contents(directory: string): string {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return files.map((file) => readFileSync(file, "latin1")).join("\n");
}

/** Creates an API key. */
export async function makeKey(scopes: string[], more: Record<string, unknown> = {}): Promise<{ id: string; key: string }> {
  const response = await fetch(`${service.url}/v1/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${service.key}`, "content-type": "application/json" },
    body: JSON.stringify({ scopes, ...more }),
  });
  assert.equal(response.status, 201);
  return (await response.json()) as { id: string; key: string };
}

/** Revokes an API key. */
export async function revokeKey(id: string): Promise<void> {
  const headers = { authorization: `Bearer ${service.key}` };
  const response = await fetch(`${service.url}/v1/keys/${id}`, { method: "DELETE", headers });
  assert.equal(response.status, 200);
}

function env(name: string): string {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: run the tests by \`npm test\``);
  return value;
}

/** For handles that are made without a request. */
export const noRecord: HandlerRecord = {
  input: () => Promise.reject(new Error("there is no request")),
  committed: () => undefined,
};
