/** Warnings of the process for failures that the application does not handle by a callback. */

/** Warns once per kind. */
export class Warnings {
  readonly #kinds = new Set<string>();

  /** Emits a warning of Node with the code `AUDITRAIL_` and the kind, unless that kind was warned of before. */
  once(kind: string, message: string): void {
    if (!this.#kinds.has(kind)) {
      this.#kinds.add(kind);
      process.emitWarning(message, { type: "AuditrailWarning", code: `AUDITRAIL_${kind.toUpperCase()}` });
    }
  }
}
