"""Reads audit events independently of the importer and of the recipes, and shares no code with them.

Usage: reading.py cloudtrail|events|kubernetes < EVENTS > READINGS

EVENTS has one JSON object per line. For each one READINGS has a line with
  actor    "user:ID" or "system"
  time     microseconds since 1970; null if the event has no time; "invalid" if it has none that is one
  address  the canonical IP address, or null
  outcome  "success", "failure", "denied", "unknown" or null
The rules are those of docs/import.md and docs/import-recipes.md.
"""

import ipaddress
import json
import re
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def find(event, *path):
    """The value at a path, or None."""
    for step in path:
        if isinstance(step, int):
            event = event[step] if isinstance(event, list) and len(event) > step else None
        else:
            event = event.get(step) if isinstance(event, dict) else None
    return event


def scalar(value):
    """Text that is not empty; numbers as text."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return str(value) or None


def first(event, *paths):
    """The first scalar at one of the paths, which are written a.b.c."""
    for path in paths:
        steps = [int(step) if step.isdigit() else step for step in path.split(".")]
        value = scalar(find(event, *steps))
        if value is not None:
            return value
    return None


def micros(text):
    """Microseconds since 1970 of a number or a date; None if it is neither."""
    if re.fullmatch(r"\d{9,20}(\.\d+)?", text):
        digits = len(text.split(".")[0])
        power = 6 if digits < 12 else 3 if digits < 15 else 0 if digits < 18 else -3
        return int((Decimal(text) * (Decimal(10) ** power)).to_integral_value("ROUND_FLOOR"))
    parts = re.fullmatch(
        r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|UTC|GMT|[+-]\d\d:?\d\d)?",
        text,
    )
    if parts is None:
        return None
    *numbers, fraction, zone = parts.groups()
    try:
        moment = datetime(*map(int, numbers), tzinfo=timezone.utc)
    except ValueError:
        return None
    if zone and zone[0] in "+-":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        moment -= offset if zone[0] == "+" else -offset
    seconds = (moment - EPOCH) // timedelta(seconds=1)
    return seconds * 1_000_000 + int((fraction or "").ljust(9, "0")[:6])


def address(text):
    try:
        return str(ipaddress.ip_address(text or ""))
    except ValueError:
        return None


def denied(code):
    words = (
        "accessdenied unauthorized notauthorized authorizationerror forbidden permissiondenied "
        "insufficientprivilege insufficientpermission"
    ).split()
    plain = re.sub("[^a-z0-9]", "", code.lower())
    return plain == "403" or any(word in plain for word in words)


class CloudTrail:
    @staticmethod
    def actor(event):
        who = event.get("userIdentity")
        if not isinstance(who, dict):
            return "user:" + who if isinstance(who, str) else "system"
        kind = scalar(who.get("type"))
        name, arn = scalar(who.get("userName")), scalar(who.get("arn"))
        principal, account = scalar(who.get("principalId")), scalar(who.get("accountId"))
        if principal == account:
            principal = None
        person = first(who, "onBehalfOf.userId")
        signs_in = None
        if kind != "AWSService" and not who.get("invokedBy"):
            for part in ("additionalEventData", "serviceEventDetails"):
                for key in "UserName userName username user_name userId user_id sub".split():
                    signs_in = signs_in or first(event, part + "." + key)
        ranking = {
            "AWSService": [],
            "IAMUser": [name, arn, principal],
            "Unknown": [arn, name, signs_in, principal],
        }.get(kind, [arn, name, principal])
        session = ("sourceIdentity", "sessionIssuer.arn", "sessionIssuer.userName", "sessionIssuer.principalId")
        role = first(who, *("sessionContext." + name for name in session)) if kind != "AWSService" else None
        for candidate in [person, *ranking, signs_in, role]:
            if candidate:
                return "user:" + candidate
        is_service = kind is None and event.get("eventType") == "AwsServiceEvent"
        if kind == "AWSService" or who.get("invokedBy") or is_service:
            return "system"
        return "user:" + (first(who, "credentialId", "accessKeyId") or "account:" + account)

    @staticmethod
    def outcome(event):
        if event.get("eventType") == "AwsCloudTrailInsight":
            return None
        code, message = scalar(event.get("errorCode")), scalar(event.get("errorMessage"))
        if code and denied(code) or message and "is not authorized to perform" in message:
            return "denied"
        results = [
            find(event, part, event.get("eventName")) for part in ("responseElements", "serviceEventDetails")
        ]
        failed = any(isinstance(result, str) and result.lower() == "failure" for result in results)
        return "failure" if code or message or failed else "success"

    @staticmethod
    def time(event):
        return micros(scalar(event["eventTime"]))

    @staticmethod
    def address(event):
        return address(scalar(event.get("sourceIPAddress")))


class Events:
    """Events of GitHub, Okta, Google Cloud and others."""

    @staticmethod
    def unwrapped(event):
        return event["event"] if "log_type" in event and isinstance(event.get("event"), dict) else event

    @classmethod
    def actor(cls, event):
        return "user:" + (
            first(
                cls.unwrapped(event),
                *"""actor.email actor.alternateId actor.user.email actor.person.email event.actor.person.email
                attributes.actor.email protoPayload.authenticationInfo.principalEmail
                protoPayload.authenticationInfo.principalSubject userIdentity.onBehalfOf.userId
                userIdentity.userName userIdentity.arn userIdentity.principalId created_by.login created_by.id
                actor_user_name actor_name actor.id actor.profileId event.actor.id attributes.actor.id
                actor.name actor actor_id user_name target_user.email email operator user_id""".split(),
            )
            or "unknown"
        )

    @classmethod
    def time(cls, event):
        event = cls.unwrapped(event)
        paths = """@timestamp at_sign_timestamp published eventTime event.timestamp attributes.time id.time
            date_create timestamp time created_at p_event_time""".split()
        found = [value for value in (first(event, path) for path in paths) if value]
        times = [time for time in map(micros, found) if time is not None]
        return times[0] if times else "invalid" if found else None

    @classmethod
    def address(cls, event):
        text = (
            first(
                cls.unwrapped(event),
                *"""actor_ip client.ipAddress client.ip_address ipAddress ip_address ipaddr context.ip_address
                context.client_ip_address event.ip_address sourceIPAddress callerIpAddress calleripaddress
                protoPayload.requestMetadata.callerIp protoPayload.requestMetadata.callerIP""".split(),
            )
            or ""
        )
        with_port = re.fullmatch(r"([\d.]+):\d+", text)
        return address(with_port[1] if with_port else text)

    @classmethod
    def outcome(cls, event):
        event = cls.unwrapped(event)
        if event.get("protoPayload"):
            code = find(event, "protoPayload", "status", "code") or 0
            return {0: "success", 7: "denied", 16: "denied"}.get(code, "failure")
        if isinstance(event.get("outcome"), dict):
            result = event["outcome"].get("result")
            names = {"SUCCESS": "success", "ALLOW": "success", "FAILURE": "failure", "DENY": "denied"}
            return names.get(result, "unknown")
        return None


class Kubernetes:
    @staticmethod
    def actor(event):
        return "user:" + (first(event, "user.username") or "unknown")

    @staticmethod
    def time(event):
        return micros(event.get("stageTimestamp") or event["requestReceivedTimestamp"])

    @staticmethod
    def address(event):
        return address(first(event, "sourceIPs.0"))

    @staticmethod
    def outcome(event):
        code = find(event, "responseStatus", "code")
        if code is None:
            return "failure" if event["stage"] == "Panic" else None
        return "denied" if code in (401, 403) else "failure" if code >= 400 else "success"


def main():
    reader = {"cloudtrail": CloudTrail, "events": Events, "kubernetes": Kubernetes}[sys.argv[1]]
    for line in sys.stdin:
        event = json.loads(line)
        fields = ("actor", "time", "address", "outcome")
        print(json.dumps({name: getattr(reader, name)(event) for name in fields}))


main()
