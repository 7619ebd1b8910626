"""One member (analyzer or feature) in one clip: its life, its failures as values, its seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from reelscope.analyzers.base import Analyzer
from reelscope.analyzers.check import check_result
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.schema import AnalyzerResult, Status
from reelscope.engine.board import Phase
from reelscope.errors import NotApplicable, ReelscopeError
from reelscope.events import bound
from reelscope.features.base import Clip, Feature, Inputs, LoadContext
from reelscope.media.frames import Window
from reelscope.models.cache import CacheStats

__all__ = ["Failure", "MemberRun"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a member ended without a result."""

    status: Status
    code: str
    reason: str
    hint: str | None = None


@dataclass(slots=True)
class MemberRun:
    """Drives one member through one clip. Nothing that the member raises comes out; it stands in `failure`.

    Attributes:
        name: Analyzer's or feature's name.
        member: The object; it may come loaded from an earlier clip.
        context: What `load` gets.
        loaded: Whether it is loaded.
        seconds: Wall seconds spent in feed and finish; load_s in load.
        result: What finish returned.
        failure: Set once it cannot go on.
        cache: What its models' loading took for this clip.
        over: Whether nobody waits for the clip any more; what fails then, for want of its folder say, is nobody's business.
        watch: Entered around every call into the member; the host puts it on its status board there.
    """

    name: str
    make: Callable[[], Any]
    context: LoadContext
    member: Any = None
    loaded: bool = False
    seconds: float = 0.0
    load_s: float = 0.0
    result: Any = None
    failure: Failure | None = None
    phases: dict[str, float] = field(default_factory=dict)
    cache: CacheStats = CacheStats()
    watch: Callable[[Phase], AbstractContextManager[Any]] = lambda phase: nullcontext()
    over: Callable[[], bool] = lambda: False

    def renew(self) -> None:
        """Forget the last clip's result, failure and seconds."""
        self.result, self.failure, self.cache = None, None, CacheStats()
        self.seconds = self.load_s = 0.0
        self.phases = {}

    def load(self) -> None:
        """Make and load it unless it is loaded already."""
        if not self.loaded and self._run("load", self._made):
            self.loaded = True

    def _made(self) -> None:
        self.member = self.make()
        self.member.load(self.context)

    def begin(self, clip: Clip) -> None:
        """Start a clip; its models stay loaded from now until `let_go`."""
        if self._run("load", self._pin):
            self._run("begin", lambda: self.member.begin(clip))

    def _pin(self) -> None:
        self.cache = self.context.pin()

    def warm(self) -> None:
        """Load its models, and leave them to the model manager."""
        if self._run("load", self._pin):
            self.context.unpin()

    def let_go(self) -> None:
        """The clip is over: its models may be unloaded, which may take a while."""
        with self.watch("close"):
            self.context.unpin()

    def close(self) -> None:
        """Let go of everything; what it raises is logged."""
        try:
            with self.watch("close"):
                self.context.unpin()
                if self.member is not None:
                    self.member.close()
        except Exception:
            log.exception("closing %s failed", self.name)

    def feed(self, window: Window) -> None:
        """Hand over a window; a feature's value is left in it for its consumers."""
        value: list[Any] = []
        if self._run("feed", lambda: value.append(self.member.feed(window))) and isinstance(self.member, Feature):
            window.features[self.name] = value[0]

    def finish(self, inputs: Inputs) -> None:
        """Make the result."""
        out: list[Any] = []
        if self._run("finish", lambda: out.append(self.member.finish(inputs))):
            kind = self.member.Result if isinstance(self.member, Analyzer) else object
            if isinstance(out[0], kind):
                if isinstance(out[0], AnalyzerResult) and self.name not in ANALYZER_NAMES:  # of the nineteen, tests hold it
                    self._run("finish", lambda: check_result(out[0], inputs.clip.media.duration_s))
                self.result = out[0] if self.failure is None else None
            else:
                self.failure = Failure("failed", "bad_result", f"finish returned {type(out[0]).__name__}, not {kind.__name__}")

    def fail(self, failure: Failure) -> None:
        """End it from outside."""
        self.failure = self.failure or failure

    def _run(self, phase: Phase, call: Callable[[], Any]) -> bool:
        """Call unless it has failed already; True where the call returned."""
        if self.failure is not None:
            return False
        with bound(analyzer=self.name):  # for what it logs itself, and for what is logged of it
            return self._called(phase, call)

    def _called(self, phase: Phase, call: Callable[[], Any]) -> bool:
        started = time.perf_counter()
        try:
            with self.watch(phase):
                call()
        except NotApplicable as error:
            self.failure = Failure("not_applicable", error.code, error.message, error.hint)
        except ReelscopeError as error:
            self.failure = Failure("failed", error.code, error.message, error.hint)
        except MemoryError:
            self.failure = Failure("failed", "out_of_memory", f"out of memory in {phase}")
        except (Exception, SystemExit) as error:  # some libraries call sys.exit
            if not self.over():
                log.exception("%s failed in %s", self.name, phase)
            self.failure = Failure("failed", f"{phase}_failed", f"{type(error).__name__}: {error}")
        finally:
            spent = time.perf_counter() - started
            self.phases[phase] = self.phases.get(phase, 0.0) + spent
            if phase == "load":
                self.load_s += spent
            else:
                self.seconds += spent
        return self.failure is None
