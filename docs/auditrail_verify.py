#!/usr/bin/env python3
"""Verifies proofs of audit records with nothing but Python's standard library.

    python3 auditrail_verify.py POLICY PROOF...

POLICY has the keys that you trust (https://c2sp.org/tlog-policy); get it from a source that you trust, not from the
server that gave you the proofs. PROOF is the proof of a record, a JSON document. The exit code is 0 if all proofs are
valid, 4 if one is not, 1 for wrong usage. Each failure is one line.
"""
import base64
import hashlib
import hmac
import json
import re
import sys
import uuid
from datetime import datetime, timedelta

FIELDS = ["actor_type", "actor_id", "action", "target_type", "target_id", "metadata", "ip_address", "user_agent",
          "tenant_id", "request_id", "outcome", "actor_name", "target_name", "recorded_by"]
SIZE_MAX, LENGTH_MAX = 2**63 - 1, 2**22

class Invalid(Exception):
    """What is wrong with a proof, in a sentence."""

def require(condition, message):
    if not condition:
        raise Invalid(message)

def unbase64(text, length=None):
    data = base64.b64decode(text, validate=True)
    require(base64.b64encode(data).decode() == text, "Base64 that is not in its only form")
    require(length in (None, len(data)), f"Base64 of {len(data)} bytes instead of {length}")
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

def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0

def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or x * x % P != square or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P

BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))

def is_weak(key):
    return key is None or same(multiply(8, key), (0, 1, 1, 0))

def is_signed(key, message, signature):
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or is_weak(a) or is_weak(r) or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    return same(multiply(s, BASE), add(r, multiply(k, a)))

class Key:
    """A verifier key: NAME+ID+BASE64, of type 1 (a log) or 4 (a witness)."""
    def __init__(self, text):
        self.name, key_id, data = (text.split("+", 2) + ["", ""])[:3]
        data = unbase64(data, 33)
        self.kind, self.key, self.id = data[0], data[1:], hashlib.sha256(self.name.encode() + b"\n" + data).digest()[:4]
        require(self.kind in (1, 4) and self.id.hex() == key_id, f"{text} is not a verifier key")
        require(not is_weak(point(self.key)), f"{text} is not a key that can be trusted")

    def verify(self, text, signatures):
        """Whether the key has signed; a signature that is not one of the text refutes it."""
        own = [data[4:] for name, data in signatures if name == self.name and data[:4] == self.id]
        for data in own:
            message = text.encode()
            if self.kind == 4:
                time, data = int.from_bytes(data[:8], "big"), data[8:]
                message = f"cosignature/v1\ntime {time}\n".encode() + message
            require(is_signed(self.key, message, data), f"the signature by {self.name} is not one of this checkpoint")
        return bool(own)

class Policy:
    """The logs and witnesses that are trusted, and the quorum of witnesses."""
    def __init__(self, text):
        self.logs, self.members, self.quorum = [], {}, None
        for line in text.split("\n"):
            word, *rest = line.split() or ["#"]
            if word == "log":
                self.logs.append(Key(rest[0]))
            elif word == "witness":
                self.members[rest[0]] = Key(rest[1])
            elif word == "group":
                name, least, *names = rest
                least = {"any": 1, "all": len(names)}.get(least) or number(least)
                require(1 <= least <= len(names) and all(n in self.members for n in names), f"policy: {line}")
                self.members[name] = (least, names)
            elif word == "quorum":
                self.quorum = rest[0] if self.quorum is None else "a second one"
            else:
                require(word.startswith("#"), f"policy: {line}")
        require(self.quorum == "none" or self.quorum in self.members, "the policy has not one quorum")

    def checkpoint(self, note):
        """The origin, size and root of a signed note that the policy trusts."""
        body, lines = note[: note.rindex("\n\n") + 1], note[note.rindex("\n\n") + 2 :]
        require(re.fullmatch("(\u2014 \\S+ \\S+\n)+", lines), "the checkpoint has other lines than signatures")
        signatures = [(name, unbase64(data)) for _, name, data in map(str.split, lines.splitlines())]
        origin, size, root, *_ = body.split("\n")
        logs = [key for key in self.logs if key.name == origin]
        require(logs, f"the policy has no log with the origin {origin}")
        require(any([key.verify(body, signatures) for key in logs]), f"there is no signature by {origin}")
        witnessed = {}
        for name, member in self.members.items():
            enough = isinstance(member, tuple) and sum(witnessed[n] for n in member[1]) >= member[0]
            witnessed[name] = enough or isinstance(member, Key) and member.verify(body, signatures)
        require(self.quorum == "none" or witnessed[self.quorum], f"the quorum {self.quorum} is not reached")
        return origin, number(size), unbase64(root, 32)

def root_of(leaf, index, size, path):
    """The root to which an inclusion proof leads (RFC 6962, section 2.1.1)."""
    require(index < size, f"entry {index} is not in a tree of size {size}")
    require((size > 1) == bool(path), "the inclusion proof is too long or too short")
    if size == 1:
        return leaf
    half = 1 << (size - 1).bit_length() - 1
    inner = (index, half) if index < half else (index - half, size - half)
    pair = [root_of(leaf, *inner, path[:-1]), path[-1]][:: 1 if index < half else -1]
    return hashlib.sha256(b"\1" + b"".join(pair)).digest()

def once(pairs):
    require(len(dict(pairs)) == len(pairs), "a name occurs twice")
    return dict(pairs)

def commitment(name, field):
    if set(field) == {"value", "salt"}:
        value = b"\0" if field["value"] is None else b"\1" + field["value"].encode()
        return hmac.digest(unbase64(field["salt"], 32), name.encode() + b"\0" + value, "sha256")
    require(set(field) in ({"withheld"}, {"erased"}), f"{name} is neither shown, withheld nor erased")
    return unbase64(*field.values(), 32)

def entry(document):
    fields, created_at = document["fields"], document["created_at"]
    require(list(sorted(fields)) == sorted(FIELDS), "the proof has other fields")
    time = datetime.strptime(created_at, "%Y-%m-%dT%H:%M:%S.%fZ")
    require(f"{time.isoformat(timespec='microseconds')}Z" == created_at, "created_at is not in its only form")
    require(str(uuid.UUID(document["id"])) == document["id"], "the id is not in its only form")
    micros = (time - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    commitments = [commitment(name, fields[name]) for name in FIELDS]
    root = hashlib.sha256(b"auditrail/fields/v1\n" + b"".join(commitments)).digest()
    return b"auditrail/entry/v1\n" + uuid.UUID(document["id"]).bytes + micros.to_bytes(8, "big", signed=True) + root

def verify(document, policy):
    require(document["version"] == "auditrail/proof/v1", "the proof is of another version")
    head, note = document["tlog_proof"].split("\n\n", 1)
    header, *lines = head.split("\n")
    lines = lines[1:] if lines[0].startswith("extra ") else lines
    require(header == "c2sp.org/tlog-proof@v1" and lines[0].startswith("index "), "tlog_proof has another form")
    index, path = number(lines[0][6:]), [unbase64(line, 32) for line in lines[1:]]
    origin, size, root = policy.checkpoint(note)
    leaf = hashlib.sha256(b"\0" + entry(document)).digest()
    require(root_of(leaf, index, size, path) == root, f"the record is not entry {index} of the log: it was changed")
    return f"record {document['id']} is entry {index} of {origin}, in the tree of size {size}"

def main(arguments):
    if len(arguments) < 2:
        sys.exit(__doc__)
    code = 0
    for name in arguments[1:]:
        try:
            policy = Policy(open(arguments[0], encoding="utf-8").read(LENGTH_MAX))
            document = json.loads(open(name, encoding="utf-8").read(LENGTH_MAX), object_pairs_hook=once)
            print(f"{name}: {verify(document, policy)}")
        except (Invalid, LookupError, TypeError, ValueError, AttributeError, OSError, RecursionError) as error:
            code = 4
            print(f"{name}: not valid: {error}", file=sys.stderr)
    return code

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
