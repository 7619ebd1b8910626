"""`reelscope.Client`: everything that a reelscope server does, as typed calls."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError

from reelscope.api import FINAL, AnalysisList, AnalysisRequest, AnalysisStatus, JobEvent, JobState, Tier
from reelscope.client.download import download
from reelscope.client.errors import ApiError, bad_answer
from reelscope.client.retry import Retries
from reelscope.client.sse import messages
from reelscope.client.transport import Transport
from reelscope.client.upload import Progress, Upload
from reelscope.document.corrections.shapes import CorrectionList, CorrectionsAsked, Edit
from reelscope.document.schema import Document
from reelscope.errors import ConfigError, InputError

__all__ = ["Client"]

DEFAULT_SERVER = "http://127.0.0.1:8003"
# Servers send a sign of life every some seconds while nothing happens; after so long without one the connection is dead.
SILENCE_S = 60.0
NOTHING_MORE = 204  # of a stream of events: the analysis has ended, and no event came after the one that is known
# A large upload is hashed and moved before it is answered.
AFTER_UPLOAD_S = 300.0
# Soon enough for a person, and 64 clients that wait still ask the server 32 times a second only.
POLL_FIRST_S, POLL_LONGEST_S, POLL_GROWTH = 0.1, 2.0, 1.5
PAGE = 100
EVENT_KINDS = frozenset({"state", "progress", "log"})
ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
KEYFRAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._-]{0,199}")  # no name that leads out of a folder

S = TypeVar("S", bound=BaseModel)


class Client:
    """A connection to one server; any thread may use it. Close it, or use it as a context manager.

    Every call is made again where the connection broke or the server was busy (429, 502, 503, 504; Retry-After is kept), also those
    that submit something: they carry an Idempotency-Key, so that the server takes them once.

    Args:
        server: Its address.
        token: Where the server wants one.
        timeout_s: Longest silence of the server within a call.
        retries: How often, and after what pauses, a call is made again.
        sleep: Waits between tries and while polling; what it raises ends the call.

    Raises:
        ConfigError: The address or the token is none.
        ApiError: Of every call: what the server answered instead (`status`, `code`, `message`, `hint`), or that it did not answer.

    Example:
        >>> with Client() as client:  # doctest: +SKIP
        ...     job = client.submit(file="clip.mp4", wait_s=600)
        ...     document = client.document(job.id)
    """

    def __init__(
        self,
        server: str = DEFAULT_SERVER,
        *,
        token: str | None = None,
        timeout_s: float = 30.0,
        retries: Retries | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = Transport(server, token, timeout_s=timeout_s, retries=retries or Retries(), sleep=sleep)
        self._sleep = sleep

    @property
    def server(self) -> str:
        """The server's address as it is used."""
        return str(self._transport.base)

    def close(self) -> None:
        """End the connections."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # --- analyses -------------------------------------------------------------------------------------------------------------------

    def submit(
        self,
        url: str | None = None,
        *,
        path: str | None = None,
        file: str | os.PathLike[str] | BinaryIO | None = None,
        analyzers: Sequence[str] | None = None,
        skip: Sequence[str] = (),
        tier: Tier | None = None,
        backends: Mapping[str, str] | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        priority: int = 5,
        fresh: bool = False,
        callback_url: str | None = None,
        title: str | None = None,
        wait_s: float | None = None,
        progress: Progress | None = None,
    ) -> AnalysisStatus:
        """Hand in a clip: an address, a file on the server, or a file from here.

        Args:
            url, path, file: One of them. A file is read piece by piece while it is sent; what is open already starts where it stands.
            analyzers ... title: As `AnalysisRequest`.
            wait_s: Wait so long for its end; the state at that time is returned, whichever it is.
            progress: Told bytes sent and bytes in all of a file.

        Returns:
            The analysis; of the same clip and options as an earlier one that one, unless `fresh`.

        Raises:
            ConfigError: An argument is not valid. InputError: the file cannot be read.
        """
        if sum(source is not None for source in (url, path, file)) != 1:
            raise ConfigError("give a url, a path or a file, one of them", code="bad_request")
        given = {
            "url": url, "path": path if file is None else "file", "title": title, "analyzers": analyzers and [*analyzers],
            "skip": [*skip], "tier": tier, "backends": {**(backends or {})}, "options": {k: {**v} for k, v in (options or {}).items()},
            "priority": priority, "fresh": fresh, "callback_url": callback_url,
        }  # fmt: skip
        try:
            request = AnalysisRequest.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ConfigError(f"{where}: {first['msg']}" if where else first["msg"], code="bad_request") from error
        # one key for all tries of this call: the server takes the first that arrives and answers the others like it
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        if file is None:
            content = request.model_dump_json(exclude_defaults=True).encode()
            headers["Content-Type"] = "application/json"
            response = self._transport.send("POST", "/analyses", headers=headers, content=content)
        else:
            form = Upload(file, request.model_dump_json(exclude_defaults=True, exclude={"url", "path"}).encode(), progress=progress)
            headers["Content-Type"] = form.content_type
            if form.length is not None:
                headers["Content-Length"] = str(form.length)
            response = self._transport.send(
                "POST", "/analyses/upload", headers=headers, body=lambda: iter(form), again=lambda: form.repeatable, read_s=AFTER_UPLOAD_S
            )
        status = _shaped(AnalysisStatus, response.content)
        return status if wait_s is None or status.state in FINAL else self.wait(status.id, wait_s)

    def get(self, id: str) -> AnalysisStatus:
        """How far an analysis is."""
        return _shaped(AnalysisStatus, self._get(_of(id)))

    def wait(self, id: str, timeout_s: float | None = None) -> AnalysisStatus:
        """Wait for an analysis's end, at most `timeout_s` seconds; the state at that time is returned, whichever it is."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        pause = POLL_FIRST_S
        while True:
            status = self.get(id)
            left = POLL_LONGEST_S if deadline is None else deadline - time.monotonic()
            if status.state in FINAL or left <= 0:
                return status
            self._sleep(min(pause, left))
            pause = min(pause * POLL_GROWTH, POLL_LONGEST_S)

    def list(
        self, *, state: JobState | None = None, q: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> AnalysisList:
        """One page of analyses, newest first.

        Args:
            q: Words that must stand in titles, transcripts or on-screen text.
            cursor: `next` of the page before.
        """
        query = {"state": state, "q": q, "limit": limit, "cursor": cursor}
        return _shaped(AnalysisList, self._get("/analyses", params=query))

    def iterate(self, *, state: JobState | None = None, q: str | None = None, page: int = PAGE) -> Iterator[AnalysisStatus]:
        """All analyses, newest first, fetched a page at a time."""
        cursor: str | None = None
        while True:
            found = self.list(state=state, q=q, limit=page, cursor=cursor)
            yield from found.items
            if found.next is None or found.next == cursor:
                return
            cursor = found.next

    def cancel(self, id: str) -> AnalysisStatus:
        """End an analysis; one that has ended stays as it is."""
        try:
            return _shaped(AnalysisStatus, self._transport.send("DELETE", _of(id)).content)
        except ApiError as error:
            if error.code != "already_ended":  # perhaps by an earlier try, whose answer was lost
                raise
        return self.get(id)

    def delete(self, id: str) -> None:
        """Remove an analysis with all that belongs to it; one that is on its way is ended."""
        backoff = self._transport.backoff()
        try:
            self._transport.send("DELETE", _of(id), params={"purge": "true"}, backoff=backoff)
        except ApiError as error:
            if error.status != 404 or not backoff.failures:  # an earlier try did it, and its answer was lost
                raise

    def events(self, id: str, after: int = 0) -> Iterator[JobEvent]:
        """The story of an analysis, as it happens, until its end. A broken connection is made again where it broke.

        Args:
            after: The `seq` of the last event that is known.
        """
        last, quiet = after, 0
        backoff = self._transport.backoff()
        while True:
            headers = {"Accept": "text/event-stream", "Cache-Control": "no-cache"} | ({"Last-Event-ID": str(last)} if last else {})
            connected, came, retry_ms = False, False, None
            try:
                with self._transport.stream(f"{_of(id)}/events", headers=headers, read_s=SILENCE_S) as response:
                    if response.status_code == NOTHING_MORE:
                        return
                    if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
                        raise bad_answer("a stream of events")
                    connected = True
                    backoff.reset()
                    for message in messages(response.iter_bytes()):
                        retry_ms = message.retry_ms
                        if message.event not in EVENT_KINDS:  # of a newer server
                            continue
                        event = _shaped(JobEvent, message.data)
                        if event.seq <= last:
                            continue
                        last, came, quiet = event.seq, True, 0
                        yield event
                        if event.kind == "state" and event.data.get("state") in FINAL:
                            return
            except ApiError as error:
                if not (connected and error.retryable):
                    backoff.again(error)
                    continue
            # the stream ended: after an end that was known before, or because the server goes down, or something between gave it up
            if not came and self.get(id).state in FINAL:
                return
            own = self._transport.retries.pause_s(quiet)
            quiet += 1
            self._sleep(own if retry_ms is None else min(retry_ms / 1000, self._transport.retries.patience_s))

    # --- results --------------------------------------------------------------------------------------------------------------------

    def document(self, id: str, *, corrected: bool = False) -> Document:
        """The document of an analysis that is done, as it was measured or as its users corrected it."""
        return _shaped(Document, self.document_json(id, corrected=corrected))

    def document_json(self, id: str, *, corrected: bool = False) -> bytes:
        """The same as the bytes of its JSON."""
        return self._get(f"{_of(id)}/document", params={"corrected": "true" if corrected else None})

    def report(self, id: str) -> str:
        """The report, one HTML page with its pictures in it."""
        return self._get(f"{_of(id)}/report", headers={"Accept": "text/html"}).decode("utf-8", "replace")

    def keyframe(self, id: str, name: str) -> bytes:
        """The picture of a shot, a JPEG.

        Args:
            name: As the document's shots name it, such as keyframes/shot-0001.jpg.
        """
        name = name.removeprefix("keyframes/")
        if not KEYFRAME.fullmatch(name):
            raise InputError(f"{name!r} is no name of a keyframe", code="bad_name", hint="the document's shots name them")
        return self._get(f"{_of(id)}/keyframes/{name}", headers={"Accept": "image/jpeg"})

    def export(self, id: str, format: str, *, file: str | None = None, **options: str | int | bool) -> bytes:
        """The document in another format: subtitles, tables, timelines, a contact sheet.

        Args:
            format: As in docs/exports.md.
            file: One of the format's files, such as speech.srt. Without, a format of several files gives a ZIP of them.
            options: How to shape it: `words_per_line`, `lines`, `chars_per_line`, `highlight`, and `clip`, where editing programs find it.

        Returns:
            The file's content.
        """
        if not ID.fullmatch(format):
            raise InputError(f"{format!r} is no format", code="bad_format")
        return self._get(f"{_of(id)}/export/{format}", params={"file": file, **options}, headers={"Accept": "*/*"})

    def media(self, id: str, to: str | os.PathLike[str], *, progress: Progress | None = None) -> Path:
        """The clip that was analysed, into the file `to`, which appears when it is complete; what came before a break is kept.

        Args:
            progress: Told bytes that are here and bytes in all.

        Raises:
            InputError: The file cannot be written to. OutputError: the disk is full.
        """
        return download(self._transport, f"{_of(id)}/media", Path(to), key=id, progress=progress)

    # --- corrections ----------------------------------------------------------------------------------------------------------------

    def corrections(self, id: str) -> CorrectionList:
        """What was corrected of an analysis's clip, and what became of each correction in this analysis."""
        return _shaped(CorrectionList, self._get(f"{_of(id)}/corrections"))

    def corrections_file(self, id: str) -> bytes:
        """The same as the file corrections.json, which `reelscope report` and `export` apply where it lies beside the document."""
        return self._get(f"{_of(id)}/corrections", params={"file": "true"})

    def correct(
        self, id: str, edits: Sequence[Edit | Mapping[str, Any]], *, author: str | None = None, revision: int | None = None
    ) -> CorrectionList:
        """Correct words, texts, speakers, shots or labels (docs/corrections.md); all edits are taken or none. Twice is once.

        Args:
            author: Who corrects; needed where the server wants no token.
            revision: Of the corrections that were looked at: refused with 409 `stale_corrections` if they are others by now.

        Raises:
            ConfigError: An edit is none.
        """
        try:
            asked = CorrectionsAsked.model_validate({"edits": [*edits], "author": author})
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise ConfigError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", code="bad_request") from error
        headers = {"Content-Type": "application/json", **_against(revision)}
        content = asked.model_dump_json(exclude_unset=True).encode()
        return _shaped(CorrectionList, self._transport.send("POST", f"{_of(id)}/corrections", headers=headers, content=content).content)

    def withdraw(self, id: str, correction: str, *, author: str | None = None, revision: int | None = None) -> CorrectionList:
        """Take a correction back; one that was taken back stays so."""
        if not ID.fullmatch(correction):
            raise InputError(f"{correction!r} is no id of a correction", code="bad_id", hint="Client.corrections lists them")
        path, query = f"{_of(id)}/corrections/{correction}", {"author": author}
        backoff = self._transport.backoff()
        try:
            found = self._transport.send("DELETE", path, params=query, headers=_against(revision), backoff=backoff)
        except ApiError as error:
            if not backoff.failures or error.code not in ("already_withdrawn", "stale_corrections"):
                raise
            again = self.corrections(id)  # perhaps by an earlier try, whose answer was lost
            if any(c.id == correction and c.withdrawn is None for c in again.items):
                raise
            return again
        return _shaped(CorrectionList, found.content)

    # --- the server -----------------------------------------------------------------------------------------------------------------

    def analyzers(self) -> Any:
        """What the server can compute, as GET /analyzers tells it (docs/server.md)."""
        return _json(self._get("/analyzers"))

    def models(self) -> Any:
        """The models that the server has, as GET /models."""
        return _json(self._get("/models"))

    def monitor(self) -> Any:
        """What the server and its workers are doing, as GET /monitor."""
        return _json(self._get("/monitor"))

    def health(self) -> Any:
        """Whether the server lives, as GET /health."""
        return _json(self._get("/health"))

    def ready(self) -> dict[str, Any]:
        """Whether the server can analyse now (`ready`), and what else GET /ready tells."""
        response = self._transport.send("GET", "/ready", accept=(503,))
        ready = response.status_code == 200
        try:
            told = _json(response.content)
        except ApiError:
            if ready:
                raise
            told = {}  # a proxy, in the server's place
        return {**(told if isinstance(told, dict) else {}), "ready": ready}

    def _get(self, path: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> bytes:
        return self._transport.send("GET", path, params=params, headers=headers).content


def _of(id: str) -> str:
    """The path of one analysis.

    Raises:
        InputError: It cannot be an id: a part of a path in it would ask for something else.
    """
    if not ID.fullmatch(id):
        raise InputError(f"{id!r} is no id of an analysis", code="bad_id", hint="'reelscope status' lists them")
    return f"/analyses/{id}"


def _against(revision: int | None) -> dict[str, str]:
    return {} if revision is None else {"If-Match": f'"{revision}"'}


def _shaped(kind: type[S], text: str | bytes) -> S:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise bad_answer(f"of the form {kind.__name__}") from error


def _json(text: bytes) -> Any:
    from pydantic_core import from_json

    try:
        return from_json(text)
    except ValueError as error:
        raise bad_answer("JSON") from error
