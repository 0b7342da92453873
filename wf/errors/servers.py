"""Errors of the servers behind: Postgres, Redis, the schema."""

from __future__ import annotations

from wf.errors.clients import WfError


class JournalUnavailable(WfError):
    """Postgres does not answer."""

    code = "journal.unavailable"
    _text = "Postgres does not answer ({}). Check WF_DATABASE_URL and that the server is up."

    def __init__(self, reason: object) -> None:
        self.reason = " ".join(str(reason).split()) or type(reason).__name__
        super().__init__(self._text.format(self.reason))


class JournalBusy(JournalUnavailable):
    """Postgres answers, but others are in the way. Nothing was written."""

    code = "journal.busy"
    _text = "The journal is busy: {}. Nothing was written; try again."


class JournalRefused(JournalUnavailable):
    """Postgres answers, and refuses what every journal needs. Nothing was written."""

    code = "journal.refused"
    _text = (
        "Postgres refuses to keep the journal: {}. Nothing was written. Check that the role in WF_DATABASE_URL may "
        "read and write the schema wf, and that the server takes writes and has room."
    )


class BrokerUnavailable(WfError):
    """Redis does not answer."""

    code = "broker.unavailable"

    def __init__(self, reason: object) -> None:
        text = " ".join(str(reason).split()) or type(reason).__name__
        super().__init__(f"Redis does not answer ({text}). Check WF_REDIS_URL and that the server is up.")
        self.reason = text


class SchemaMismatch(WfError):
    """The journal's schema is missing, older or newer than this release needs."""

    code = "journal.schema_mismatch"

    def __init__(self, found: str | None, needed: str) -> None:
        if found is None:
            text = "The journal's schema is missing. Run `wf migrate` once."
        else:
            # Versions are numbered with zeros in front, so that the order of their texts is theirs.
            remedy = "Run `wf migrate`." if found < needed else "Install the release that fits."
            text = f"The journal's schema is at {found!r}, this release needs {needed!r}. {remedy}"
        super().__init__(text)
        self.found, self.needed = found, needed
