#!/usr/bin/env python3
"""Verifies proofs (JSON) and packs (ZIP) of audit records with nothing but Python's standard library.

    python3 auditrail_verify.py POLICY FILE...

POLICY has the keys that you trust (https://c2sp.org/tlog-policy); get it from a source that you trust, not from the
server that gave you the files. The exit code is 0 if all files are valid, 4 if one is not, 1 for wrong usage.
"""
import base64, datetime, functools, hashlib, hmac, json, re, sys, uuid, zipfile

FIELDS = ["actor_type", "actor_id", "action", "target_type", "target_id", "metadata", "ip_address", "user_agent",
          "tenant_id", "request_id", "outcome", "actor_name", "target_name", "recorded_by"]
PACK = {"policy", "checkpoint", "auditrail_verify.py", "records.ndjson", "hashes", "range.json", "README.md"}
CLAIM = "version", "from_seq", "to_seq", "filters", "complete", "records", "left"
SIZE_MAX, LENGTH_MAX = 2**63 - 1, 2**22

def require(condition, message):
    if not condition:
        raise ValueError(message)
def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()
def unbase64(text, length=None):
    data = base64.b64decode(text, validate=True)
    require(base64.b64encode(data).decode() == text and length in (None, len(data)), f"{text!r} is not {length} bytes")
    return data
def number(text):
    require(re.fullmatch("0|[1-9][0-9]{0,18}", text, re.ASCII) and int(text) <= SIZE_MAX, f"{text!r} is not a number")
    return int(text)

# Ed25519 (RFC 8032, section 5.1), in the coordinates x, y, z and t = x * y / z.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
def add(a, b):
    m, n = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    c, d = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P
def multiply(scalar, point, result=(0, 1, 1, 0)):
    while scalar:
        result = add(result, point) if scalar & 1 else result
        scalar, point = scalar >> 1, add(point, point)
    return result
same = lambda a, b: all((a[i] * b[2] - b[i] * a[2]) % P == 0 for i in (0, 1))
def point(data):
    sign, y = divmod(int.from_bytes(data, "little"), 2**255)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    is_valid, x = y < P and x * x % P == square and (x or not sign), P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P) if is_valid else None
BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
is_weak = lambda key: key is None or same(multiply(8, key), (0, 1, 1, 0))
def is_signed(key, message, signature):
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or is_weak(a) or is_weak(r) or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    return same(multiply(s, BASE), add(r, multiply(k, a)))

class Key:  # NAME+ID+BASE64, of type 1 (a log) or 4 (a witness).
    def __init__(self, text):
        self.name, key_id, data = (text.split("+", 2) + ["", ""])[:3]
        data = unbase64(data, 33)
        self.kind, self.key, self.id = data[0], data[1:], sha256(self.name.encode(), b"\n", data)[:4]
        require(self.kind in (1, 4) and self.id.hex() == key_id, f"{text} is not a verifier key")
        require(not is_weak(point(self.key)), f"{text} is not a key that can be trusted")
    def verify(self, text, signatures):  # Whether it has signed; a signature that is not one of the text refutes it.
        own = [data[4:] for name, data in signatures if name == self.name and data[:4] == self.id]
        for data in own:
            head = f"cosignature/v1\ntime {int.from_bytes(data[:8], 'big')}\n" if self.kind == 4 else ""
            signed = is_signed(self.key, (head + text).encode(), data[8:] if self.kind == 4 else data)
            require(signed, f"the signature by {self.name} is not one of this checkpoint")
        return bool(own)

class Policy:  # The logs and witnesses that are trusted, and the quorum of witnesses.
    def __init__(self, text):
        self.logs, self.members, self.quorum = [], {}, None
        for line in text.split("\n"):
            word, *rest = line.split() or ["#"]
            if word == "log":
                self.logs.append(Key(rest[0]))
            elif word == "witness":
                self.members[rest[0]] = Key(rest[1])
            elif word == "group":
                name, names, least = rest[0], rest[2:], {"any": 1, "all": len(rest) - 2}.get(rest[1]) or number(rest[1])
                require(1 <= least <= len(names) and all(n in self.members for n in names), f"policy: {line}")
                self.members[name] = (least, names)
            elif word == "quorum":
                self.quorum = rest[0] if self.quorum is None else "a second one"
            else:
                require(word.startswith("#"), f"policy: {line}")
        require(self.quorum == "none" or self.quorum in self.members, "the policy has not one quorum")
    def checkpoint(self, note):  # The origin, size and root of a signed note that the policy trusts.
        body, lines = note[: note.rindex("\n\n") + 1], note[note.rindex("\n\n") + 2 :]
        require(re.fullmatch("(\u2014 \\S+ \\S+\n)+", lines), "the checkpoint has other lines than signatures")
        signatures = [(name, unbase64(data)) for _, name, data in map(str.split, lines.splitlines())]
        (origin, size, root, *_), witnessed = body.split("\n"), {}
        signed = [key.verify(body, signatures) for key in self.logs if key.name == origin]
        require(any(signed), f"there is no signature by {origin}" if signed else f"the policy has no log {origin}")
        for name, member in self.members.items():
            enough = isinstance(member, tuple) and sum(witnessed[n] for n in member[1]) >= member[0]
            witnessed[name] = enough or isinstance(member, Key) and member.verify(body, signatures)
        require(self.quorum == "none" or witnessed[self.quorum], f"the quorum {self.quorum} is not reached")
        return origin, number(size), unbase64(root, 32)
def root_of(leaf, index, size, path):  # To which an inclusion proof leads (RFC 6962, section 2.1.1).
    require(index < size and (size > 1) == bool(path), f"the proof is too long or too short, or {index} >= {size}")
    if size == 1:
        return leaf
    half = 1 << (size - 1).bit_length() - 1
    inner = (index, half) if index < half else (index - half, size - half)
    return sha256(b"\1", *[root_of(leaf, *inner, path[:-1]), path[-1]][:: 1 if index < half else -1])
def once(pairs):
    require(len(dict(pairs)) == len(pairs), "a name occurs twice")
    return dict(pairs)
parse = functools.partial(json.loads, object_pairs_hook=once)
def commitment(name, field):
    if set(field) == {"value", "salt"}:
        value = b"\0" if field["value"] is None else b"\1" + field["value"].encode()
        return hmac.digest(unbase64(field["salt"], 32), name.encode() + b"\0" + value, "sha256")
    require(set(field) in ({"withheld"}, {"erased"}), f"{name} is neither shown, withheld nor erased")
    return unbase64(*field.values(), 32)
def left_leaf(text):
    require(re.fullmatch(b"auditrail/(entry/v1\n.{56}|absent/v1\n.{16})", unbase64(text), re.S), "`left` is no entry")
    return sha256(b"\0", unbase64(text))
def leaf_of(document):
    fields, created_at, record_id = document["fields"], document["created_at"], uuid.UUID(document["id"])
    require(sorted(fields) == sorted(FIELDS), "the record has other fields")
    time = datetime.datetime.strptime(created_at, "%Y-%m-%dT%H:%M:%S.%fZ")
    is_only_form = f"{time.isoformat(timespec='microseconds')}Z" == created_at and str(record_id) == document["id"]
    require(is_only_form, "the id or the time is not in its only form")
    micros = (time - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)
    root = sha256(b"auditrail/fields/v1\n", *[commitment(name, fields[name]) for name in FIELDS])
    return sha256(b"\0auditrail/entry/v1\n", record_id.bytes, micros.to_bytes(8, "big", signed=True), root)

def proof(document, policy):
    require(document["version"] == "auditrail/proof/v1", "the proof is of another version")
    head, note = document["tlog_proof"].split("\n\n", 1)
    header, *lines = head.split("\n")
    lines = lines[1:] if lines[0].startswith("extra ") else lines
    require(header == "c2sp.org/tlog-proof@v1" and lines[0].startswith("index "), "tlog_proof has another form")
    index, path = number(lines[0][6:]), [unbase64(line, 32) for line in lines[1:]]
    origin, size, root = policy.checkpoint(note)
    require(root_of(leaf_of(document), index, size, path) == root, f"the record is not entry {index}: it was changed")
    return f"record {document['id']} is entry {index} of {origin}, in the tree of size {size}"

def grow(nodes, start, end, read):  # Adds the leaves from start to before end, by the hashes of perfect subtrees.
    while start < end:
        height = min(((start | 2**63) & -(start | 2**63)).bit_length(), (end - start).bit_length()) - 1
        index, start, node = start >> height, start + (1 << height), read(32)
        while index & 1:
            index, node = index >> 1, sha256(b"\1", nodes.pop(), node)
        nodes.append(node)

def pack(archive, policy):
    text = lambda name: archive.open(name).read(LENGTH_MAX).decode()
    require(sorted(PACK & set(archive.namelist())) == sorted(archive.namelist()), "it has other files, or one twice")
    claim = parse(text("range.json"))
    version, first, last, filters, complete, *counts = [claim.pop(name) for name in CLAIM]
    require((version, complete, claim) == ("auditrail/pack/v1", not filters, {}), "range.json is of another version")
    origin, size, root = policy.checkpoint(text("checkpoint"))
    require(0 <= first <= last < size, f"the range from {first} to {last} is not in the tree of size {size}")
    hashes, lines, nodes, done = archive.open("hashes"), archive.open("records.ndjson"), [], 0
    seq, found = first - 1, [0, 0]
    while line := lines.readline(LENGTH_MAX):
        document, before = parse(line.decode()), seq
        seq, has_left = document["seq"], "left" in document
        require(type(seq) is int and before < seq <= last, f"seq {seq} follows {before}, in a range up to {last}")
        require(filters or seq == before + 1, f"seq {before + 1} is missing: a record was removed")
        members = {"seq", "left"} if has_left and not filters else {"seq", "id", "created_at", "fields"}
        require(set(document) == members and line.endswith(b"\n"), f"the line of seq {seq} has another form")
        grow(nodes, done, seq, hashes.read)
        leaf = left_leaf(document["left"]) if has_left else leaf_of(document)
        require(hashes.read(32) == leaf, f"{document.get('id', 'the record')} is not entry {seq}: it was changed")
        grow(nodes, seq, seq + 1, lambda _: leaf)
        done, found[has_left] = seq + 1, found[has_left] + 1
    require(filters or seq == last, f"seq {seq + 1} is missing: a record was removed")
    require(found == counts, f"the pack has {found[0]} records and {found[1]} that left, and declares {counts}")
    grow(nodes, done, size, hashes.read)
    computed = functools.reduce(lambda right, left: sha256(b"\1", left, right), nodes[::-1])
    require(not hashes.read(1) and computed == root, "the hashes do not lead to the root of the checkpoint")
    kind = f"{counts[0]} records and {counts[1]} that left, " + ("not " if filters else "") + "complete"
    return f"{kind} from seq {first} to {last} of {origin}, in the tree of size {size}"

def main(arguments):
    read, code = lambda name: open(name, encoding="utf-8").read(LENGTH_MAX), 0
    if len(arguments) < 2:
        sys.exit(__doc__)
    for name in arguments[1:]:
        try:
            policy, is_pack = Policy(read(arguments[0])), open(name, "rb").read(2) == b"PK"
            judge, content = (pack, zipfile.ZipFile(name)) if is_pack else (proof, parse(read(name)))
            print(f"{name}: valid: {judge(content, policy)}")
        except Exception as error:  # Whatever fails, the file was not verified.
            code = 4
            print(f"{name}: not valid: {error}", file=sys.stderr)
    return code

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
