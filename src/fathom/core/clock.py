"""The time, in the one form records use."""

from datetime import UTC, datetime


def utc_now() -> str:
    """Now in UTC, ISO 8601 with seconds: `2026-11-22T21:39:01Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
