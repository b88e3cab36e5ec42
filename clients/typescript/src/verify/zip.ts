/** The ZIP file of a pack, read without trust in a length or a name of it. */
import type { Bytes } from "./bytes.js";
import { ensure, InvalidProof } from "./invalid.js";

/** Lengths of headers without names and extra fields. */
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
/** Methods. */
const STORED = 0;
const DEFLATED = 8;

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly compressed: number;
  readonly length: number;
  readonly header: number;
}

/** The files of a ZIP file. Packs that need ZIP64, of 4 GiB and more, do not fit into memory here. */
export class Zip {
  private constructor(
    private readonly bytes: Bytes,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /** Reads the directory, which may have these names alone. */
  static read(bytes: Uint8Array, names: readonly string[]): Zip {
    const own = new Uint8Array(bytes);
    const end = own.length - END_BYTES;
    ensure(end >= 0 && u32(own, end) === 0x06054b50, "it is not a ZIP file, or was cut short");
    const [files, length, offset] = [u16(own, end + 10), u32(own, end + 12), u32(own, end + 16)];
    ensure(offset !== 0xffffffff, "it has the ZIP64 form, which is not read here; unpack it and pass the files");
    ensure(files <= names.length, `its ZIP directory names ${files} files; a pack has at most ${names.length}`);
    ensure(offset + length === end, "its ZIP directory is damaged: it is not before its end");
    const entries = new Map<string, Entry>();
    let place = offset;
    for (let number = 0; number < files; number += 1) {
      ensure(place + CENTRAL_BYTES <= end && u32(own, place) === 0x02014b50, "its ZIP directory is damaged");
      const [nameLength, extra, comment] = [28, 30, 32].map((at) => u16(own, place + at)) as [number, number, number];
      const name = text(own, place + CENTRAL_BYTES, nameLength);
      ensure(names.includes(name), `it has the file ${JSON.stringify(name.slice(0, 100))}, which is not one of a pack`);
      ensure(!entries.has(name), `it has ${name} twice`);
      ensure((u16(own, place + 8) & 0x2041) === 0, `${name} is encrypted; a pack is not`);
      const method = u16(own, place + 10);
      ensure(method === STORED || method === DEFLATED, `${name} is compressed by the method ${method} of ZIP`);
      const [compressed, size, header] = [20, 24, 42].map((at) => u32(own, place + at)) as [number, number, number];
      entries.set(name, { name, method, compressed, length: size, header });
      place += CENTRAL_BYTES + nameLength + extra + comment;
    }
    ensure(place === end, "its ZIP directory is damaged: it is longer than its files");
    requireApart(own, [...entries.values()], offset);
    return new Zip(own, entries);
  }

  /** The content of a file of at most `max` bytes. */
  async content(name: string, max = Number.MAX_SAFE_INTEGER): Promise<Bytes> {
    const entry = this.entries.get(name);
    ensure(entry !== undefined, `it has no ${name}: it is not a pack, or a part of one`);
    ensure(entry.length <= max, `${name} has ${entry.length} bytes; that of a pack has at most ${max}`);
    const start = dataOf(this.bytes, entry);
    const data = this.bytes.subarray(start, start + entry.compressed);
    const content = entry.method === STORED ? data : await inflate(data, entry);
    ensure(content.length === entry.length, `${name} does not have the length that the ZIP directory says`);
    return content;
  }
}

/** Where the data of a file start. */
function dataOf(bytes: Uint8Array, { name, method, header }: Entry): number {
  const place = `${name} is not where the ZIP directory says`;
  ensure(header + LOCAL_BYTES <= bytes.length && u32(bytes, header) === 0x04034b50, place);
  ensure(u16(bytes, header + 8) === method && text(bytes, header + LOCAL_BYTES, u16(bytes, header + 26)) === name, place);
  return header + LOCAL_BYTES + u16(bytes, header + 26) + u16(bytes, header + 28);
}

/** Checks that no byte belongs to two files: they could be the same data, expanded often. */
function requireApart(bytes: Uint8Array, entries: Entry[], directory: number): void {
  entries.sort((left, right) => left.header - right.header);
  entries.forEach((entry, index) => {
    const next = entries[index + 1]?.header ?? directory;
    ensure(dataOf(bytes, entry) + entry.compressed <= next, `the data of ${entry.name} overlap what follows them`);
  });
}

/** Decompresses data, and ends at the length of the directory. */
async function inflate(data: Bytes, { name, length }: Entry): Promise<Bytes> {
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const reader = (stream as ReadableStream<Uint8Array>).getReader();
  const chunks: Uint8Array[] = [];
  let filled = 0;
  try {
    for (let chunk = await reader.read(); !chunk.done && filled <= length; chunk = await reader.read()) {
      filled += chunk.value.length;
      chunks.push(chunk.value);
    }
  } catch {
    throw new InvalidProof(`${name} is damaged: its compressed data are not valid`);
  }
  if (filled > length) {
    await reader.cancel().catch(() => undefined);
    throw new InvalidProof(`${name} does not have the length that the ZIP directory says`);
  }
  const content = new Uint8Array(filled);
  let place = 0;
  for (const chunk of chunks) {
    content.set(chunk, place);
    place += chunk.length;
  }
  return content;
}

function u16(bytes: Uint8Array, place: number): number {
  return (bytes[place] ?? 0) | ((bytes[place + 1] ?? 0) << 8);
}

function u32(bytes: Uint8Array, place: number): number {
  return u16(bytes, place) + u16(bytes, place + 2) * 65536;
}

function text(bytes: Uint8Array, place: number, length: number): string {
  return new TextDecoder().decode(bytes.subarray(place, place + length));
}
