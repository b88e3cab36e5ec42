/** Recorders with short pauses. */
import { after } from "node:test";

import { Recorder, type RecorderOptions } from "../src/index.js";
import { client, temporary } from "./support.js";

/** Options with short pauses, and without the request after opening, which would take the fault of another. */
export const QUICK = { lingerMs: 20, retryBaseMs: 5, retryCapMs: 50, checkOnOpen: false } as const;

/** A recorder that is closed after the tests. */
export async function recorder(url: string | undefined, options: Partial<RecorderOptions> = {}): Promise<Recorder> {
  const opened = await Recorder.open({ client: client(url), ...QUICK, ...options });
  after(() => opened.close({ deadlineMs: 0 }));
  return opened;
}

/** The same with a spool in a new directory. */
export async function spooling(url: string | undefined, options: Partial<RecorderOptions> = {}): Promise<Recorder> {
  return recorder(url, { spoolDir: temporary(), ...options });
}

/** Whether every record is accounted for. */
export function balanced(recorder: Recorder): boolean {
  const stats = recorder.stats();
  const dropped = Object.values(stats.dropped).reduce((sum, count) => sum + count, 0);
  const settled = stats.sent + stats.duplicates + stats.refused + dropped + stats.quarantined + stats.pending;
  return stats.accepted + stats.recovered === settled;
}
