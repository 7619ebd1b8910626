"""What users corrected, kept by the clip's sha256: every analysis of the clip has it, and it goes only when somebody says so.

Rows are added and never changed. A change is made against a revision (the number of the clip's last change) in a transaction that holds
the clip's corrections, so of two changes at once both are kept, in an order that everybody sees alike, and the later one holds.
"""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from reelscope.document.corrections.apply import corrected
from reelscope.document.corrections.fields import EDITABLE
from reelscope.document.corrections.plan import planned
from reelscope.document.corrections.resolve import Places, resolve
from reelscope.document.corrections.shapes import (
    Added,
    Correction,
    CorrectionList,
    Corrections,
    CorrectionState,
    Edit,
    Withdrawn,
)
from reelscope.document.schema import Document
from reelscope.errors import EngineError, InputError
from reelscope.server.answers import not_found
from reelscope.server.blobs import LocalBlobs
from reelscope.server.db import Database, now
from reelscope.server.db import corrections as table
from reelscope.version import VERSION

if TYPE_CHECKING:
    from reelscope.server.parts import Parts

__all__ = ["CorrectionBook", "Documents", "corrected_document", "corrections_of", "revision_of"]

Files = Mapping[str, tuple[str, int]]
"""What a job has: sha256 and bytes by name."""

TRIES = 100  # against changes of others in between: each takes some milliseconds
DOCUMENTS_KEPT = 4  # parsed, for who corrects one after the other; a few MB each
LOCK = 8004  # PostgreSQL's advisory lock beside that of db.py


class Stale(Exception):
    """Somebody else changed the corrections in between."""


class CorrectionBook:
    """The corrections of all clips. Any thread and process."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.documents = Documents()

    # --- reading ----------------------------------------------------------------------------------------------------------------------

    def of(self, sha256: str) -> Corrections:
        """The corrections of a clip, oldest first, those that were withdrawn too."""
        return self.database.read(lambda c: _read(c, sha256))

    def revision(self, sha256: str) -> int:
        """The number of the last change; 0 where there was none. It never falls, also when everything is removed."""
        return self.database.read(lambda c: _revision(c, sha256))

    # --- changing ---------------------------------------------------------------------------------------------------------------------

    def edit(self, document: Document, edits: Sequence[Edit], author: str, *, expected: int | None = None) -> list[str]:
        """Add corrections of a document's clip; returns the ids of the new ones.

        Args:
            expected: The revision that was in front of whoever asks; None: whichever there is.

        Raises:
            InputError: As `document.corrections.planned`; `stale_corrections` where the revision is another one.
            EngineError: Others made changes all the time (`corrections_busy`).
        """
        sha256 = document.source.sha256
        for _ in range(TRIES):
            before = self.of(sha256)
            _check(before.revision, expected)
            made = planned(document, before, edits, author=author, at=datetime.now(UTC), new_id=lambda: uuid.uuid4().hex)
            if not made:
                return []
            try:
                self._append(sha256, [("add", m.id, author, m.model_dump_json()) for m in made], before.revision)
            except Stale:
                continue
            return [m.id for m in made]
        raise EngineError("others correct this clip all the time", code="corrections_busy", hint="try again", retryable=True)

    def withdraw(self, sha256: str, correction_id: str, author: str | None, *, expected: int | None = None) -> None:
        """Take a correction back. What held before it holds again; it stays in the history.

        Raises:
            InputError: There is none (`not_found`), it was withdrawn before (`already_withdrawn`), or `stale_corrections`.
            EngineError: As `edit`.
        """
        for _ in range(TRIES):
            before = self.of(sha256)
            _check(before.revision, expected)
            found = next((c for c in before.edits if c.id == correction_id), None)
            if found is None:
                raise not_found("such correction of this clip")
            if found.withdrawn is not None:
                raise InputError("it was withdrawn already", code="already_withdrawn", hint="make a new correction to have it again")
            try:
                self._append(sha256, [("withdraw", correction_id, author or "", "")], before.revision)
            except Stale:
                continue
            return
        raise EngineError("others correct this clip all the time", code="corrections_busy", hint="try again", retryable=True)

    def clear(self, sha256: str, author: str | None, *, expected: int | None = None) -> int:
        """Remove all corrections of a clip with their history; returns how many there were.

        Raises:
            InputError: `stale_corrections`.
        """
        row, count = uuid.uuid4().hex, 0

        def body(c: sa.Connection) -> int:
            nonlocal count
            _hold(c, sha256)
            revision = _revision(c, sha256)
            if _are_there(c, sha256, revision - 1, [("clear", row, "", "")]):
                return count  # this transaction was committed, and its answer was lost on the way
            _check(revision, expected)
            count = c.execute(sa.select(sa.func.count()).where(table.c.sha256 == sha256, table.c.action == "add")).scalar_one()
            if revision:
                c.execute(sa.delete(table).where(table.c.sha256 == sha256))
                # one row stays, without anything of what was said: a page that still shows the old ones must see that they are gone
                c.execute(
                    table.insert().values(sha256=sha256, seq=revision + 1, action="clear", id=row, at=now(), author=author or "", body="")
                )
            return count

        return self.database.write(body)

    def _append(self, sha256: str, rows: Sequence[tuple[str, str, str, str]], revision: int) -> None:
        """Add rows if the clip's revision is still the one given.

        Raises:
            Stale: It is not.
        """

        def body(c: sa.Connection) -> None:
            _hold(c, sha256)
            last = _revision(c, sha256)
            if last == revision + len(rows) and _are_there(c, sha256, revision, rows):
                return  # this transaction was committed, and its answer was lost on the way
            if last != revision:
                raise Stale
            values = [
                {"sha256": sha256, "seq": revision + k, "action": action, "id": id, "author": author, "body": text}
                for k, (action, id, author, text) in enumerate(rows, 1)
            ]
            for row in values:
                c.execute(table.insert().values(**row, at=now()))

        try:
            self.database.write(body)
        except sa.exc.IntegrityError as error:  # the lock above should not let it come to this
            raise Stale from error


def _check(revision: int, expected: int | None) -> None:
    if expected is not None and revision != expected:
        raise InputError(
            "somebody else corrected this clip in between", code="stale_corrections",
            hint=f"look at the corrections again: their revision is {revision}, not {expected}",
        )  # fmt: skip


def _hold(c: sa.Connection, sha256: str) -> None:
    """Nobody else changes this clip's corrections until the transaction ends."""
    if c.dialect.name == "postgresql":
        c.execute(sa.text("SELECT pg_advisory_xact_lock(:lock, hashtext(:clip))"), {"lock": LOCK, "clip": sha256})
    else:
        c.exec_driver_sql("BEGIN IMMEDIATE")


def _revision(c: sa.Connection, sha256: str) -> int:
    return c.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.seq), 0)).where(table.c.sha256 == sha256)).scalar_one()


def _are_there(c: sa.Connection, sha256: str, revision: int, rows: Sequence[tuple[str, str, str, str]]) -> bool:
    query = sa.select(table.c.action, table.c.id).where(table.c.sha256 == sha256, table.c.seq > revision).order_by(table.c.seq)
    return [tuple(r) for r in c.execute(query)] == [(action, id) for action, id, _, _ in rows]


def _read(c: sa.Connection, sha256: str) -> Corrections:
    found: dict[str, Correction] = {}
    revision = 0
    for row in c.execute(sa.select(table).where(table.c.sha256 == sha256).order_by(table.c.seq)):
        revision, at = row.seq, datetime.fromtimestamp(round(row.at, 6), UTC)
        if row.action == "add":
            found[row.id] = Correction.model_validate_json(row.body).model_copy(update={"at": at, "author": row.author})
        elif row.action == "withdraw" and row.id in found:
            found[row.id] = found[row.id].model_copy(update={"withdrawn": Withdrawn(author=row.author or None, at=at)})
    return Corrections(sha256=sha256, revision=revision, edits=list(found.values()))


class Documents:
    """Documents that were read lately. Nobody changes them."""

    def __init__(self) -> None:
        self._read: OrderedDict[str, Document] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, files: Files, blobs: LocalBlobs) -> Document:
        """The document of a job's files.

        Raises:
            InputError: It has none. OutputError: it is gone.
        """
        if "analysis.json" not in files:
            raise not_found("document of this analysis")
        key = files["analysis.json"][0]
        with self._lock:
            if key in self._read:
                self._read.move_to_end(key)
                return self._read[key]
        document = Document.model_validate_json(blobs.path(key).read_bytes())
        with self._lock:
            self._read[key] = document
            while len(self._read) > DOCUMENTS_KEPT:
                self._read.popitem(last=False)
        return document

    def listed(self, document: Document, corrections: Corrections, added: Sequence[str] | None = None) -> CorrectionList:
        """The corrections as they stand in a document."""
        places = Places(document.model_dump(mode="json"))
        items = [
            CorrectionState(**o.correction.model_dump(), state=o.state, reason=o.reason, places=list(o.places))
            for o in resolve(places, corrections).outcomes
        ]
        return CorrectionList(
            sha256=corrections.sha256, revision=corrections.revision, items=items, editable=_offered(places),
            added=Added(ids=list(added)) if added is not None else None,
        )  # fmt: skip


def _offered(places: Places) -> list[dict[str, Any]]:
    """What can be corrected here: only what this analysis has."""
    told = []
    for what in EDITABLE:
        there = bool(places.segments) if what.part in ("words", "speakers") else bool(places.of(what))
        if there:
            told.append(what.told())
    return told


def corrections_of(p: Parts, files: Files) -> Corrections:
    """The corrections of a job's clip.

    Raises:
        InputError: It has no document. OutputError: it is gone.
    """
    return p.corrections.of(p.corrections.documents.of(files, p.blobs).source.sha256)


def corrected_document(p: Parts, files: Files) -> tuple[Document, str]:
    """The document of a job with the corrections of its clip, and its ETag.

    Raises:
        InputError: It has no document. OutputError: it is gone.
    """
    measured = p.corrections.documents.of(files, p.blobs)
    found = p.corrections.of(measured.source.sha256)
    return corrected(measured, found).document, f'"{files["analysis.json"][0]}-{VERSION}-c{found.revision}"'


def revision_of(p: Parts, files: Files) -> int:
    """What the corrected document of a job changes with, beside its document.

    Raises:
        InputError: It has no document. OutputError: it is gone.
    """
    return p.corrections.revision(p.corrections.documents.of(files, p.blobs).source.sha256)
