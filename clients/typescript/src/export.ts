/** Reading an export as records. */
import { createHash } from "node:crypto";

import { AuditrailError, reason } from "./errors.js";
import type { AuditRecord } from "./types.js";

/** The form of an export: CSV for people, NDJSON for programs. */
export type ExportFormat = "csv" | "ndjson";

interface Manifest {
  readonly version: number;
  readonly records: number;
  readonly sha256: string;
}

const MANIFEST = '{"auditrail_manifest":';
const NEWLINE = 0x0a;

/** The records of an NDJSON export, and at its end whether it was whole. */
export async function* exportedRecords(
  bytes: ReadableStream<Uint8Array>,
): AsyncGenerator<AuditRecord, void, void> {
  const hash = createHash("sha256");
  let count = 0;
  let manifest: Manifest | undefined;
  for await (const line of lines(bytes)) {
    if (manifest !== undefined) {
      throw incomplete("there is something after its manifest");
    }
    const text = line.toString("utf8");
    if (text.startsWith(MANIFEST)) {
      manifest = (JSON.parse(text) as { auditrail_manifest: Manifest }).auditrail_manifest;
      continue;
    }
    hash.update(line);
    count += 1;
    yield JSON.parse(text) as AuditRecord;
  }
  if (manifest === undefined) {
    throw incomplete("it ended without its manifest");
  }
  if (manifest.records !== count || manifest.sha256 !== hash.digest("hex")) {
    throw incomplete("its manifest does not match what came");
  }
}

/** Lines with their line ends. */
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
    throw incomplete("it ended within a line");
  }
}

function incomplete(why: string, cause?: unknown): AuditrailError {
  return AuditrailError.local("incomplete_export", `the export is not whole: ${why}`, cause);
}
