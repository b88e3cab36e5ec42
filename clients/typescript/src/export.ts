/** Parsing and verification of exports. */
import { createHash } from "node:crypto";

import { AuditrailError, reason } from "./errors.js";
import { parseExactly } from "./exact-json.js";
import type { AuditRecord } from "./types.js";

/** The format of an export: CSV for spreadsheets, NDJSON for programs. */
export type ExportFormat = "csv" | "ndjson";

interface Manifest {
  readonly version: number;
  readonly records: number;
  readonly sha256: string;
}

const MANIFEST = '{"auditrail_manifest":';
const NEWLINE = 0x0a;

/** Yields the records of an NDJSON export, then verifies its manifest. */
export async function* exportedRecords(
  bytes: ReadableStream<Uint8Array>,
): AsyncGenerator<AuditRecord, void, void> {
  const hash = createHash("sha256");
  let count = 0;
  let manifest: Manifest | undefined;
  for await (const line of lines(bytes)) {
    if (manifest !== undefined) {
      throw incomplete("data follows its manifest");
    }
    const text = line.toString("utf8");
    if (text.startsWith(MANIFEST)) {
      manifest = (JSON.parse(text) as { auditrail_manifest: Manifest }).auditrail_manifest;
      continue;
    }
    hash.update(line);
    count += 1;
    yield parseExactly(text) as AuditRecord;
  }
  if (manifest === undefined) {
    throw incomplete("its manifest is missing");
  }
  if (manifest.records !== count || manifest.sha256 !== hash.digest("hex")) {
    throw incomplete("its manifest does not match the records");
  }
}

/** Yields lines including their line ends. */
async function* lines(bytes: ReadableStream<Uint8Array>): AsyncGenerator<Buffer, void, void> {
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of bytes) {
      rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
      let start = 0;
      for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE, start)) {
        yield rest.subarray(start, end + 1);
        start = end + 1;
      }
      rest = rest.subarray(start);
    }
  } catch (error) {
    throw error instanceof AuditrailError ? error : incomplete(reason(error), error);
  }
  if (rest.length > 0) {
    throw incomplete("it ends within a line");
  }
}

function incomplete(why: string, cause?: unknown): AuditrailError {
  return AuditrailError.local("incomplete_export", `the export is incomplete: ${why}`, cause);
}
