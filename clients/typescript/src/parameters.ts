/** The parameters of a search. */
import type { Query } from "./types.js";

/** Filters and pagination by their names over HTTP. */
export function filterParameters(query: Query): URLSearchParams {
  const parameters = new URLSearchParams();
  const { metadata, ...rest } = query;
  for (const [name, value] of Object.entries(rest)) {
    if (value !== undefined) {
      parameters.set(name, String(value));
    }
  }
  for (const [name, value] of Object.entries(metadata ?? {})) {
    parameters.set(`metadata.${name}`, value);
  }
  return parameters;
}
