/** Parses server-sent events (HTML Living Standard, section 9.2). */
import { AuditrailError } from "./errors.js";

/** Maximum characters of an event: far above the largest record. */
const EVENT_MAX_CHARS = 4 * 1024 * 1024;

/** An event with data. */
export interface ServerSentEvent {
  readonly name: string;
  readonly data: string;
}

/** Yields the events of a stream; `onBytes` is called for every chunk, of comments too. */
export async function* events(
  bytes: ReadableStream<Uint8Array>,
  onBytes: () => void,
): AsyncGenerator<ServerSentEvent, void, void> {
  const decoder = new TextDecoder();
  let rest = "";
  let name = "";
  let data: string[] = [];
  for await (const chunk of bytes) {
    onBytes();
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const whole of lines) {
      const line = whole.endsWith("\r") ? whole.slice(0, -1) : whole;
      if (line === "") {
        if (data.length > 0) {
          yield { name: name || "message", data: data.join("\n") };
        }
        [name, data] = ["", []];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") {
        name = value;
      } else if (field === "data") {
        data.push(value);
      }
    }
    if (rest.length > EVENT_MAX_CHARS) {
      throw AuditrailError.local("bad_answer", `an event has more than ${EVENT_MAX_CHARS} characters`);
    }
  }
}
