"""What the interface asks of valid data and JSON Schema cannot say.

Schemathesis makes data that fits the description, sends it, and complains when it is refused. A few
rules are beyond a schema: a time must not be in the future, a cursor must be one that was given out,
the id of the actor `system` is `system`. Here such data is made to hold them. Data that is meant to
be wrong is left as it is.
"""

import json
from datetime import datetime, timezone

import schemathesis

FILTER_TIMES = ("since", "until")
OTHER_NAMES = {"start_date": "since", "end_date": "until", "tenant": "tenant_id", "ip": "ip_address"}
PARTS = {"actor": ("actor_id", "actor_type"), "target": ("target_id", "target_type")}
PAST = "2026-01-02T03:04:05Z"


@schemathesis.hook
def before_call(context, case, kwargs):
    if not case.meta or not case.meta.generation.mode.is_positive:
        return
    if isinstance(case.query, dict):
        query(case.query)
    if isinstance(case.body, dict):
        record(case.body)
    elif isinstance(case.body, list):
        for item in case.body:
            if isinstance(item, dict):
                record(item)


def query(pairs):
    # Only the server can make one, and it excludes an offset.
    pairs.pop("cursor", None)
    # Only of a record that matches, and it excludes an offset.
    pairs.pop("around", None)
    # The id of the record at a position.
    if not isinstance(pairs.get("after"), int):
        pairs.pop("after_id", None)
    # At least one, if given.
    if not pairs.get("fields", True):
        pairs.pop("fields")
    # A byte order mark is for CSV alone.
    if pairs.get("format") != "csv":
        pairs.pop("bom", None)
    # An expression has a grammar of its own, and words exclude an offset.
    if "q" in pairs:
        pairs["q"] = "deploy -action:key.*"
        pairs.pop("offset", None)
    # A filter is given under one name.
    for other, name in OTHER_NAMES.items():
        if other in pairs:
            value = pairs.pop(other)
            pairs.setdefault(name, value)
    for whole, parts in PARTS.items():
        if any(part in pairs for part in parts):
            pairs.pop(whole, None)
    times = [moment(pairs[name]) for name in FILTER_TIMES if pairs.get(name)]
    if None in times or (len(times) == 2 and not times[0] < times[1]):
        for name in FILTER_TIMES:
            pairs.pop(name, None)
    if "/" in str(pairs.get("ip_address", "")):
        pairs["ip_address"] = "10.0.0.0/8"
    # The earlier of two trees is not larger.
    if "from" in pairs and "to" in pairs:
        pairs["from"], pairs["to"] = sorted((pairs["from"], pairs["to"]), key=int)


def record(fields):
    if fields.get("actor_type") == "system":
        fields["actor_id"] = "system"
    created_at = fields.get("created_at")
    if created_at is not None:
        time = moment(created_at)
        if time is None or time > datetime.now(timezone.utc):
            fields["created_at"] = PAST
    # A key that would have expired already is refused.
    if fields.get("expires_at") is not None:
        time = moment(fields["expires_at"])
        if time is None or time <= datetime.now(timezone.utc):
            fields.pop("expires_at")
    # To a schema 1.0 is an integer.
    if isinstance(fields.get("keep_days"), float):
        fields["keep_days"] = int(fields["keep_days"])
    if "reason" in fields:
        erasure_or_hold(fields)
    if not storable(fields.get("metadata")):
        fields["metadata"] = {"was": "not storable"}


def erasure_or_hold(fields):
    # Parameters of a search, as a schema of strings.
    if "filters" in fields:
        fields["filters"] = {"actor": "user:nothing-held", "since": "2026-01-01"}
        return
    # Of a person, who is actor or target, and fields that a person can have.
    if fields.get("actor") is None and fields.get("target") is None or fields.get("actor") == "system":
        fields["actor"] = "user:ana"
    if fields.get("fields"):
        fields["fields"] = ["ip_address", "metadata.email"]


def moment(text):
    """The time, or nothing where a year or an offset is beyond what is kept."""
    try:
        time = datetime.fromisoformat(text.upper().replace("Z", "+00:00"))
        if time.tzinfo is None:
            time = time.replace(tzinfo=timezone.utc)
        return time.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def storable(value):
    """PostgreSQL keeps neither NUL nor half of a surrogate pair, and numbers written out in full."""
    text = json.dumps(value, ensure_ascii=False)
    if "\\u0000" in text or "\x00" in text or any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        return False
    return all(1e-100 < abs(number) < 1e100 for number in numbers(value) if number)


def numbers(value):
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value
    elif not isinstance(value, (str, bool, type(None))):
        for item in value:
            yield from numbers(item)
