"""The way of a clip: source -> probe -> plan -> one decode pass through the engine -> results -> document -> files."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from reelscope.analyzers.registry import INSTALLED, Registry
from reelscope.config import AnalysisSettings, Settings
from reelscope.document.schema import CacheInfo, Document, RunInfo, SourceInfo
from reelscope.engine.hardware import PeakMemory, read_hardware
from reelscope.engine.owned import work_folder
from reelscope.engine.plan import make_plan
from reelscope.errors import EngineError
from reelscope.events import Event, EventBus, bound
from reelscope.media.clip_file import as_text, check_limits, sha256_of, stamp
from reelscope.media.urls import is_url
from reelscope.models.catalog import Catalog
from reelscope.outputs import out_folder, write_files
from reelscope.plugins import tell_refused
from reelscope.usable import lookup
from reelscope.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelscope.engine.kept import KeptResults
    from reelscope.engine.local import LocalEngine
    from reelscope.engine.outcome import Outcome
    from reelscope.engine.placement import Hardware
    from reelscope.engine.plan import Plan
    from reelscope.engine.reuse import Taken
    from reelscope.media.source import Fetched

__all__ = ["Analysis", "Origin", "Session", "Written", "analyze", "analyze_to", "lookup", "write"]

# Clips behind a slow one go on while it holds up the order; their documents wait in memory, some hundred kilobytes each.
AHEAD = 4

# A Ctrl-C that comes as the main thread is about to wait, or in another thread, is heard when the wait ends: so no wait is long.
LISTEN_S = 0.2

T = TypeVar("T")
V = TypeVar("V")

SPINE = ("shots", "stills")  # features that the document's shots are made of


@dataclass(frozen=True, slots=True)
class Analysis:
    """A document and the pictures that belong to it. keyframes: JPEG bytes by the path that ShotRow.keyframe names."""

    document: Document
    keyframes: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """What stands on disk. paths: by format ("json", "html")."""

    document: Document
    paths: Mapping[str, Path]


def analyze(
    source: str | os.PathLike[str],
    *,
    only: Sequence[str] | None = None,
    skip: Sequence[str] = (),
    settings: Settings | None = None,
    events: EventBus | None = None,
) -> Document:
    """Analyse one clip.

    Args:
        source: A local video or sound file, or the address of a post or a file on the web.
        only: Names of the analyzers to run; None for all. skip: names not to run.
        settings: See reelscope.config; defaults otherwise.
        events: Where progress is published.

    Returns:
        The document, with all nineteen analyzers in it, and those of installed plugins.

    Raises:
        InputError: The clip, a name or a setting is not usable.
        MediaError: Nothing of the picture could be decoded.
    """
    with Session(settings, events) as session:
        return session.analyze(source, only=only, skip=skip).document


def analyze_to(
    source: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    *,
    formats: Sequence[str] | None = None,
    only: Sequence[str] | None = None,
    skip: Sequence[str] = (),
    settings: Settings | None = None,
    events: EventBus | None = None,
) -> Written:
    """Analyse one clip and write its files into `out_dir`; nothing is left there where that fails.

    Raises:
        InputError: The folder cannot be written to. OutputError: the disk is full. Both found out before the clip is analysed.
    """
    settings = settings or Settings()
    with out_folder(Path(out_dir), settings.system.min_free_disk_mib) as out, Session(settings, events) as session:
        analysis = session.analyze(source, only=only, skip=skip)
        clip = None if is_url(source) else Path(source)  # what was fetched is gone again
        return write(analysis, out, formats=formats or settings.output.formats, clip=clip)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a clip came from that does not lie where the user has it.

    Attributes:
        url: The address it was fetched from; post: what its page said about it (author, caption, counts ...).
        name: The user's own name of a file that was handed in.
    """

    url: str | None = None
    post: Mapping[str, Any] | None = None
    name: str | None = None


class Session:
    """Analyses clips and keeps workers and models between them. `analyze` may be called from several threads.

    Args:
        many: Whether several clips are to come: then worker processes pay for their start, as they do for a single long one
            (`placement.workers` decides otherwise).
        hardware: What may be used, in place of what is found here: a part of the machine, or logical devices.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        events: EventBus | None = None,
        *,
        registry: Registry = INSTALLED,
        many: bool = False,
        hardware: Hardware | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.registry = registry
        self.events = events or EventBus()
        self.many = many
        self._hardware = hardware
        self._lock = threading.Lock()
        self._closed = False
        self._tokens = threading.local()
        self._engine: LocalEngine | None = None
        self._kept: KeptResults | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers and unload everything."""
        with self._lock:
            engine, self._engine, self._closed = self._engine, None, True
        if engine is not None:
            engine.close()

    @property
    def engine(self) -> LocalEngine:
        """The engine, made when it is first wanted.

        Raises:
            EngineError: The session is closed.
        """
        with self._lock:
            if self._closed:
                raise EngineError("the session is closed", code="closed", hint="make a new Session")
            if self._engine is None:
                from reelscope.engine.kept import open_kept
                from reelscope.engine.local import LocalEngine

                hardware = self._hardware or read_hardware(self.settings)
                self._kept = open_kept(self.settings)
                if self.settings.plugins.enabled:
                    tell_refused()
                self._engine = LocalEngine(self.settings, self.events, registry=self.registry, hardware=hardware)
            return self._engine

    def analyze(
        self,
        source: str | os.PathLike[str],
        *,
        only: Sequence[str] | None = None,
        skip: Sequence[str] = (),
        job: str | None = None,
        origin: Origin | None = None,
        analysis: AnalysisSettings | None = None,
        stop: threading.Event | None = None,
    ) -> Analysis:
        """Analyse one clip; see `analyze` for arguments and errors.

        Args:
            job: What its events are told under; not given: the file's name.
            origin: Where a file came from that was fetched before.
            analysis: Tier, backends and options of this clip, in place of the session's.
            stop: Gives this clip up once it is set, from any thread (`Session.stop_clip`).
        """
        started = time.perf_counter()
        settings = self.settings if analysis is None else self.settings.model_copy(update={"analysis": analysis})
        token = stop or self._token
        job = Path(source).name if job is None else job
        phases: dict[str, float] = {}
        with bound(job=job), PeakMemory() as memory, work_folder(settings.system) as work_dir:
            if is_url(source):
                with _timed(phases, "fetch"):
                    (work_dir / "fetched").mkdir()
                    got = self.fetch(os.fspath(source), work_dir / "fetched", job=job, stop=token)
                path, origin = got.path, Origin(got.url, got.post)
            else:
                path = Path(source)
            with _timed(phases, "import"):
                from reelscope.assemble import best_tier, entry, media_facts, spine
                from reelscope.document.evidence import Evidence
                from reelscope.document.insights import measure_insights
                from reelscope.engine.reuse import keys, reduced, take
                from reelscope.media.probe import probe as read_facts

                engine = self.engine
            with _timed(phases, "probe"):
                probe = read_facts(path)
                check_limits(probe, settings)
                sha256, before = sha256_of(path), stamp(path)
            self.events.publish(Event(job, "probe", total=probe.media.duration_s))
            with _timed(phases, "plan"):
                models = Catalog.of(settings)
                length_s = probe.media.duration_s
                has_picture, has_sound = probe.video_index is not None, probe.audio_index is not None
                whole = self.plan(
                    only=only, skip=skip, has_picture=has_picture, has_sound=has_sound, material_s=length_s, analysis=settings.analysis
                )  # fmt: skip
                known = keys(whole, clip_sha256=sha256, models=lambda name: models.describe(name).sha256)
                taken = take(
                    whole, self._kept, clip_sha256=sha256, keys=known, registry=self.registry, work_dir=work_dir, spine=SPINE,
                    fresh=settings.analysis.fresh,
                )  # fmt: skip
                plan = reduced(whole, taken.to_run, hardware=engine.hardware, settings=settings, many=self.many, material_s=length_s)
            self.events.publish(Event(job, "plan", total=len(whole.running), names=tuple(c.name for c in plan.running)))
            kept = {**taken.results, **taken.features}
            stats = taken.decoded.stats if taken.decoded else None
            outcome = engine.run(probe, plan, work_dir, job=job, kept=kept, stats=stats, whole=whole, token=token)
            if stamp(path) == before:  # else the file was replaced meanwhile, and these are results of something in between
                self._keep(whole, taken, outcome, sha256)
            phases |= outcome.phases
            with _timed(phases, "merge"):
                media = media_facts(probe, outcome)
                shots, keyframes = spine(outcome)
                entries = {name: entry(whole.choices[name], outcome, models) for name in whole.choices}
                insights = measure_insights(Evidence.of_entries(media, entries))
            self.events.publish(Event(job, "merge"))
            _go_on(token)
        seconds = time.perf_counter() - started
        document = Document(
            analysis_id=uuid.uuid4().hex,
            created_at=datetime.now(UTC),
            source=SourceInfo(
                path=as_text(path) if origin is None else origin.name,
                url=origin.url if origin is not None else None,
                post=dict(origin.post) if origin is not None and origin.post is not None else None,
                sha256=sha256,
            ),
            media=media,
            run=RunInfo(
                version=VERSION,
                seconds=seconds,
                realtime_factor=seconds / media.duration_s,
                tier=best_tier(whole),
                device=", ".join(dict.fromkeys(w.device for w in whole.placement.workers)) or "cpu",
                passes=outcome.passes,
                phases=phases,
                features={name: m.seconds for name in whole.features if (m := outcome.members.get(name)) is not None},
                cache=_cache_info(outcome, [name for name, made in entries.items() if made.reused]),
                peak_rss_mib=memory.peak_mib,
                peak_vram_mib=outcome.peak_vram_mib,
            ),
            shots=shots,
            analyzers=entries,
            insights=insights,
        )
        self.events.publish(Event(job, "done", seconds=seconds))
        return Analysis(document, keyframes)

    def analyze_many(
        self, sources: Iterable[str | os.PathLike[str]], *, only: Sequence[str] | None = None, skip: Sequence[str] = ()
    ) -> Iterator[tuple[str | os.PathLike[str], Analysis | Exception]]:
        """Analyse clips, `optimisation.clips_in_flight` at a time, and yield each with its analysis or its error, in the order given.

        The next clip decodes while the last one finishes. A clip that fails does not stop the others.
        """
        yield from self.each(lambda source: self.analyze(source, only=only, skip=skip), sources)

    def each(self, call: Callable[[T], V], items: Iterable[T]) -> Iterator[tuple[T, V | Exception]]:
        """Call with every item, `optimisation.clips_in_flight` at a time in threads; yield what came of each, in the order given.

        Where the caller stops early, the clips that are on their way are given up.
        """
        waiting = iter(items)
        running: deque[tuple[T, Future[V]]] = deque()
        at_once = self.settings.optimisation.clips_in_flight
        token = threading.Event()  # names all that this call has begun, or is about to begin
        pool = ThreadPoolExecutor(at_once, thread_name_prefix="clip")
        try:
            while True:
                for item in islice(waiting, AHEAD * at_once - len(running)):
                    running.append((item, pool.submit(self._begun_with, token, call, item)))
                if not running:
                    return
                item, future = running[0]
                while not wait((future,), LISTEN_S).done:
                    pass
                error = future.exception()
                running.popleft()
                if error is not None and not isinstance(error, Exception):
                    raise error
                yield item, error if error is not None else future.result()
        finally:
            if running:
                self._stop(token)
            pool.shutdown(wait=True, cancel_futures=True)

    @property
    def _token(self) -> threading.Event | None:
        """What the call of `each` that this thread works for may be stopped by."""
        return getattr(self._tokens, "token", None)

    def _begun_with(self, token: threading.Event, call: Callable[[T], V], item: T) -> V:
        _go_on(token)
        self._tokens.token = token
        return call(item)

    def stop(self) -> None:
        """Give up the clips that are on their way, from any thread; their `analyze` raises EngineError."""
        self._stop(None)

    def stop_clip(self, stop: threading.Event) -> None:
        """Give up the clips that were begun with this `stop`, from any thread; their `analyze` raises EngineError."""
        self._stop(stop)

    def write(self, analysis: Analysis, out_dir: Path, *, clip: Path | None = None) -> Written:
        """Write the files that the settings ask for, as the function `write`; nothing where the clip was given up meanwhile."""
        return write(analysis, out_dir, formats=self.settings.output.formats, clip=clip, stop=self._token)

    def fetch(self, url: str, folder: Path, *, job: str, stop: threading.Event | None = None) -> Fetched:
        """Fetch a post's clip into a folder, as `media.source.fetch`, with events under `job`.

        Args:
            stop: Gives it up once it is set; not given: what ends the call of `each` that this thread works for.
        """
        from reelscope.media.source import fetch

        def told(done: float, total: float | None) -> None:
            self.events.publish(Event(job, "fetch", done=done, total=total))

        told(0.0, None)
        return fetch(url, folder, self.settings, stop=stop or self._token, progress=told)

    def _stop(self, token: threading.Event | None) -> None:
        if token is not None:
            token.set()
        with self._lock:
            engine = self._engine
        if engine is not None:
            engine.stop(token)

    def plan(
        self,
        *,
        only: Sequence[str] | None = None,
        skip: Sequence[str] = (),
        has_picture: bool = True,
        has_sound: bool = True,
        material_s: float = 0.0,
        analysis: AnalysisSettings | None = None,
    ) -> Plan:
        """What would run for a clip of `material_s` seconds, and where. analysis: as for `analyze`."""
        hardware = self.engine.hardware
        settings = self.settings if analysis is None else self.settings.model_copy(update={"analysis": analysis})
        return make_plan(
            only=only, skip=skip, settings=settings, lookup=lookup(self.registry, Catalog.of(settings)),
            has_picture=has_picture, has_sound=has_sound, hardware=hardware, many=self.many, material_s=material_s, spine=SPINE,
        )  # fmt: skip

    def _keep(self, plan: Plan, taken: Taken, outcome: Outcome, sha256: str) -> None:
        """Keep what this run made for the next one of the same clip."""
        if self._kept is None:
            return
        from reelscope.assemble import models_of
        from reelscope.engine.kept import Kept
        from reelscope.engine.reuse import Decoded, keep

        made = {
            name: Kept(m.result, m.seconds, m.job.device, m.attempts, tuple(models_of(m, outcome, Catalog.of(self.settings))))
            for name, m in outcome.members.items()
            if m.ok and not m.reused
        }
        errors = outcome.audio.decode_errors if outcome.audio is not None else None
        decoded = Decoded(outcome.stats if outcome.passes else None, errors)
        keep(plan, self._kept, clip_sha256=sha256, taken=taken, made=made, registry=self.registry, decoded=decoded)


def _cache_info(outcome: Outcome, reused: list[str]) -> CacheInfo:
    cache = outcome.cache
    return CacheInfo(
        hits=cache.hits,
        misses=cache.misses,
        load_s=cache.load_s,
        evictions=cache.evictions,
        bytes_held=outcome.bytes_held,
        results_reused=reused,
    )


def write(
    analysis: Analysis,
    out_dir: Path,
    *,
    formats: Sequence[str] = ("json", "html"),
    clip: Path | None = None,
    stop: threading.Event | None = None,
) -> Written:
    """Write the document's files, all of them or none.

    Args:
        clip: The clip's file where it stays, which the report then plays.
        stop: Nothing is written once it is set.

    Raises:
        InputError: The folder cannot be written to. OutputError: the disk fails. EngineError: `stop` was set.
    """
    document = analysis.document
    text = document.model_dump_json(indent=1)
    files: dict[str, bytes] = dict(analysis.keyframes) if "json" in formats else {}
    paths: dict[str, Path] = {}
    if "html" in formats:
        from reelscope.document.report import render_report
        from reelscope.document.report.beside import clip_address

        address = clip_address(clip, out_dir) if clip is not None else None
        written = type(document).model_validate_json(text)  # its figures are rounded: the report says what the document says
        files["report.html"] = render_report(written, keyframes=analysis.keyframes, clip=address).encode()
        paths["html"] = out_dir / "report.html"
    if "json" in formats:
        files["analysis.json"] = text.encode()  # last: who sees it may rely on the rest
        paths["json"] = out_dir / "analysis.json"
    _go_on(stop)
    write_files(out_dir, files)
    if "json" in formats:
        for old in (out_dir / "keyframes").glob("shot-*.jpg"):  # of an earlier analysis with more shots
            if f"keyframes/{old.name}" not in files:
                old.unlink(missing_ok=True)
    return Written(document, paths)


def _go_on(stop: threading.Event | None) -> None:
    """Raise EngineError where the clip was given up."""
    if stop is not None and stop.is_set():
        raise EngineError("stopped", code="stopped", retryable=True)


@contextmanager
def _timed(phases: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        phases[name] = time.perf_counter() - started
