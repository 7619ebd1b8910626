"""The process behind bench.engine.runner: `python -m bench.engine.serve JSON` reads commands on stdin, answers on stdout."""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reelscope.events import Event
    from reelscope.pipeline import Session

__all__ = ["Listener", "Serve", "deep_bytes", "refuse_failures"]

MIB = 2**20
BAD = ("failed", "timeout")


class Listener:
    """Notes when a clip's steps happened and what each member's loading took."""

    def __init__(self) -> None:
        self.reset(time.time())

    def reset(self, since: float) -> None:
        """Count from then on."""
        self.since = since
        self.first_decoded_s: float | None = None
        self.first_window_s: float | None = None
        self.loads: dict[str, float] = defaultdict(float)

    def take(self, event: Event) -> None:
        """Take one event."""
        at = time.time() - self.since
        if event.step == "decode" and self.first_decoded_s is None:
            self.first_decoded_s = at
        elif event.step == "feed" and event.done >= 1 and self.first_window_s is None:
            self.first_window_s = at
        elif event.step == "load" and event.analyzer is not None:
            self.loads[event.analyzer] += event.seconds or 0.0


class Serve:
    """A session and what can be asked of it. Every method answers with what can stand in JSON."""

    def __init__(self, start: Mapping[str, Any]) -> None:
        self.listener = Listener()
        self._start = start
        self.session = self._session(start["settings"])

    def _session(self, settings: Mapping[str, Any]) -> Session:
        from reelscope.config import Settings
        from reelscope.events import EventBus
        from reelscope.pipeline import Session

        return Session(Settings.model_validate(settings), EventBus([self.listener.take]), many=self._start["many"])

    def close(self) -> None:
        """End the session."""
        self.session.close()

    def open(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Another session in place of this one: with these settings over those of the start."""
        self.close()
        tree = {node: dict(values) for node, values in self._start["settings"].items()}
        for node, values in settings.items():
            tree[node] = {**tree.get(node, {}), **values}
        self.session = self._session(tree)
        return {}

    def one(self, clip: str, only: Sequence[str] | None = None, since: float | None = None, weigh: bool = False) -> dict[str, Any]:
        """Analyse a clip.

        Args:
            since: Times of events count from then (seconds since 1970); not given: from now.
            weigh: Also tell the memory of the result.
        """
        self.listener.reset(time.time() if since is None else since)
        begun_s = time.time() - self.listener.since
        cpu = _cpu_s()
        started = time.perf_counter()
        analysis = self.session.analyze(clip, only=only)
        seconds = time.perf_counter() - started
        document = analysis.document
        run = document.run
        refuse_failures({n: (e.status, e.reason) for n, e in document.analyzers.items()})
        return {
            "begun_s": begun_s,
            "seconds": seconds,
            "cpu_s": _cpu_s() - cpu,
            "duration_s": document.media.duration_s,
            "phases": run.phases,
            "passes": run.passes,
            "frames_decoded": document.media.frames_decoded,
            "peak_mib": run.peak_rss_mib,
            "first_decoded_s": self.listener.first_decoded_s,
            "first_window_s": self.listener.first_window_s,
            "loads": dict(self.listener.loads),
            "cache": {"hits": run.cache.hits, "misses": run.cache.misses, "load_s": run.cache.load_s},
            "reused": run.cache.results_reused,
            "ok": [n for n, e in document.analyzers.items() if e.status == "ok"],
            **({"result_mib": deep_bytes(analysis) / MIB, "json_mib": len(document.model_dump_json()) / MIB} if weigh else {}),
        }

    def lone(self, clip: str, only: Sequence[str]) -> dict[str, Any]:
        """Run only what these analyzers need, without the shots that every document has, as a program of their own would."""
        from reelscope.engine.plan import make_plan
        from reelscope.media.probe import probe as read_facts
        from reelscope.pipeline import lookup

        session, hardware = self.session, self.session.engine.hardware
        assert hardware is not None
        started = time.perf_counter()
        facts = read_facts(Path(clip))
        plan = make_plan(
            only=only, skip=(), settings=session.settings, lookup=lookup(session.registry), has_picture=facts.video_index is not None,
            has_sound=facts.audio_index is not None, hardware=hardware, many=session.many,
        )  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="reelscope-bench-") as work:
            outcome = session.engine.run(facts, plan, Path(work))
        seconds = time.perf_counter() - started
        refuse_failures({n: (m.failure.status, m.failure.reason) for n, m in outcome.members.items() if m.failure is not None})
        decode_s = outcome.phases.get("decode", 0.0)
        return {"seconds": seconds, "passes": outcome.passes, "frames_decoded": outcome.frames_decoded, "decode_s": decode_s}

    def many(self, clips: Sequence[str]) -> dict[str, Any]:
        """Analyse clips in one call."""
        cpu = _cpu_s()
        started = time.perf_counter()
        for _, found in self.session.analyze_many(clips):
            if isinstance(found, Exception):
                raise found
            refuse_failures({n: (e.status, e.reason) for n, e in found.document.analyzers.items()})
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "cpu_s": _cpu_s() - cpu}


def deep_bytes(thing: Any) -> int:
    """Bytes of an object and of all that it alone can reach: classes, modules and functions are not counted."""
    import types

    skipped = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType)
    seen: set[int] = set()
    waiting = [thing]
    size = 0
    while waiting:
        found = waiting.pop()
        if id(found) in seen or isinstance(found, skipped):
            continue
        seen.add(id(found))
        size += sys.getsizeof(found)
        waiting += gc.get_referents(found)
    return size


def _cpu_s() -> float:
    """Processor seconds of this process and its children so far."""
    import psutil

    me = psutil.Process()
    total = 0.0
    for process in (me, *me.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def refuse_failures(states: Mapping[str, tuple[str, str | None]]) -> None:
    """The time of a run in which something failed says nothing.

    Raises:
        RuntimeError: Something failed; it is named.
    """
    bad = {name: reason for name, (status, reason) in states.items() if status in BAD}
    if bad:
        raise RuntimeError(f"not everything ran, so its time says nothing: {bad}")


def main() -> int:
    """Serve until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print must not stand among the answers
    serve = Serve(json.loads(sys.argv[1]))
    try:
        for line in sys.stdin:
            command = json.loads(line)
            call: Callable[..., dict[str, Any]] = getattr(serve, command.pop("do"))
            print(json.dumps(call(**command)), file=answers, flush=True)
    finally:
        serve.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
