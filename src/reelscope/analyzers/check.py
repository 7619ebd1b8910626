"""The contract of analyzers as checks: of a class, and of one result. An analyzer that a plugin brings runs only under them.

They keep a mistake in one analyzer from becoming the failure of a whole document. Authors of plugins call them in their own tests:
`check_class(Flicker)`, and `check_result(entry, duration_s)` on what `reelscope.analyze` gave.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
from collections.abc import Collection, Iterator
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, AudioNeed, Backend, FrameNeed, Group, Options
from reelscope.document.schema import AnalyzerEntry, AnalyzerResult, PluginEntry, Tier
from reelscope.errors import PluginError
from reelscope.media.frames import PixelFormat
from reelscope.plugins import known_names

__all__ = ["MAX_SERIES_HZ", "MAX_TRACK_HZ", "check_class", "check_result"]

MAX_SERIES_HZ = 10.5  # documented as 10 values a second; a half more for the value at either end
MAX_TRACK_HZ = 5.5  # likewise 5 points
TIME_SLACK_S = 1e-3  # times of the last frame and of the sound's end differ by rounding
MAX_SIDE_PX = 4096  # an exact size enlarges; above this one window of a few seconds outgrows the shared memory of most machines
MAX_RATE_FPS = 240  # as the setting of it
TOLD = 3  # problems that a message names; the rest shows when these are mended

# What the engine writes beside a result; a field of the same name in a result would overwrite how it was made.
ENGINES = frozenset(PluginEntry.model_fields) - frozenset(AnalyzerResult.model_fields)


class Word(BaseModel):
    """A word as subtitles read it."""

    start_s: float
    end_s: float
    text: str


class Known(BaseModel):
    """Fields of segments and tracks that the report, exports and corrections know by name, with the types that the nineteen give them.

    An analyzer may leave them out, and give any type to any other field.
    """

    model_config = ConfigDict(strict=True)

    text: str | None = None
    label: str | None = None
    kind: str | None = None
    variant: str | None = None
    move: str | None = None
    role: str | None = None
    track_id: int | None = None
    index: int | None = None
    shot: int | None = None
    face: int | None = None
    speaker: int | None = None
    at_camera: bool | None = None
    holds: bool | None = None
    jump_cut: bool | None = None
    xywh_norm: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None
    palette: list[dict[str, Any]] | None = None
    reasons: list[str] | None = None
    lines: list[str] | None = None
    components: list[str] | None = None
    words: list[Word] | None = None
    corrected: None = None  # what a user mended, beside the measurement


def check_class(kind: Any, name: str | None = None, *, names: Collection[str] | None = None) -> None:
    """Whether a class can be an analyzer.

    Args:
        name: That it is declared under; not given: the one in its spec.
        names: Analyzers whose results it may read; not given: all that are known here.

    Raises:
        PluginError: It cannot; the message says why.
    """
    _raise("contract_broken", list(_class_problems(kind, name, known_names() if names is None else names)))


def check_result(result: AnalyzerResult, duration_s: float) -> None:
    """Whether a result can stand in the document of a clip of this length.

    Raises:
        PluginError: It cannot; the message says why.
    """
    _raise("bad_result", list(_result_problems(result, duration_s)))


def _raise(code: str, problems: list[str]) -> None:
    if problems:
        more = f" (and {len(problems) - TOLD} more)" if len(problems) > TOLD else ""
        raise PluginError("; ".join(problems[:TOLD]) + more, code=code)


def _class_problems(kind: Any, name: str | None, names: Collection[str]) -> Iterator[str]:
    if not (isinstance(kind, type) and issubclass(kind, Analyzer)):
        yield f"{kind!r} is no class of reelscope.analyzers.base.Analyzer"
        return
    spec = getattr(kind, "spec", None)
    if inspect.isabstract(kind) or not isinstance(spec, AnalyzerSpec):
        yield "it has no spec (AnalyzerSpec), or does not define finish"
        return
    if name is not None and spec.name != name:
        yield f"its spec is called {spec.name!r} and it is declared as {name!r}"
    if not isinstance(spec.version, int) or spec.version < 1:
        yield f"its version is a whole number from 1, not {spec.version!r}"
    if spec.group not in get_args(Group):
        yield f"its group is one of {', '.join(get_args(Group))}, not {spec.group!r}"
    result = getattr(kind, "Result", None)
    if not (isinstance(result, type) and issubclass(result, AnalyzerResult)):
        yield "its Result is no AnalyzerResult"
    elif taken := sorted(ENGINES & set(result.model_fields)):
        yield f"its Result has fields that the engine fills in: {', '.join(taken)}"
    options = kind.Options
    if not (isinstance(options, type) and issubclass(options, Options)):
        yield "its Options are no reelscope.analyzers.base.Options"
        return
    try:
        options()
    except ValidationError as error:
        yield f"an option has no default: {error.errors()[0]['loc']}"
    if not spec.backends or not all(isinstance(b, Backend) for b in spec.backends):
        yield "it has no backends"
        return
    for backend in spec.backends:
        for problem in _backend_problems(backend, spec.name, options, names):
            yield f"backend {backend.name}: {problem}"


def _backend_problems(backend: Backend, own: str, options: type[Options], names: Collection[str]) -> Iterator[str]:
    from reelscope.models.manifest import manifest

    if backend.tier not in get_args(Tier):
        yield f"its tier is one of {', '.join(get_args(Tier))}, not {backend.tier!r}"
    for need in backend.frames:
        if problem := _frames_problem(need):
            yield problem
    if backend.audio is not None and not (isinstance(backend.audio, AudioNeed) and backend.audio.form in ("original", "mono16k")):
        yield f"its audio is an AudioNeed of original or mono16k, not {backend.audio!r}"
    for feature in backend.features:
        known = feature.isidentifier() and not feature.startswith("_") and feature != "base"
        if not known or importlib.util.find_spec(f"reelscope.features.{feature}") is None:
            yield f"there is no feature {feature!r}"
    if extra := sorted(set(backend.live) - set(backend.features)):
        yield f"what is live is among its features too: {', '.join(extra)}"
    for other in (*backend.after, *backend.soft_after):
        if other == own or other not in names:
            yield f"it cannot read the result of {other!r}: {'that is itself' if other == own else 'there is no such analyzer here'}"
    if unknown := sorted(set(backend.models) - set(manifest())):
        yield f"not in reelscope's list of models: {', '.join(unknown)} (weights of your own come inside your package)"
    if backend.needs_option is not None and backend.needs_option not in options.model_fields:
        yield f"it needs the option {backend.needs_option!r}, which it does not have"
    if not (backend.batch >= 1 and backend.threads >= 1 and backend.ram_mib >= 0 and backend.vram_mib >= 0 and backend.cost > 0):
        yield "batch and threads are 1 or more, ram_mib and vram_mib 0 or more, cost above 0"


def _frames_problem(need: Any) -> str | None:
    """What is wrong with a need of frames: all analyzers share one decode pass, which a size that cannot be would end."""
    if not isinstance(need, FrameNeed) or need.format not in get_args(PixelFormat):
        return f"its frames are FrameNeeds of {' or '.join(get_args(PixelFormat))}, not {need!r}"
    sides = need.size_px if need.size_px is not None else (need.short_side_px or 1,)
    if not all(isinstance(side, int) and 1 <= side <= MAX_SIDE_PX for side in sides) or (need.size_px is not None and len(sides) != 2):
        return f"its frames are 1 to {MAX_SIDE_PX} pixels wide and high, not {sides}"
    if need.fps is not None and need.fps > MAX_RATE_FPS:
        return f"its frames come at most {MAX_RATE_FPS} times a second; fps=None is every frame"
    return None


def _result_problems(result: AnalyzerResult, duration_s: float) -> Iterator[str]:
    try:
        text = result.model_dump_json(warnings="error")
        plain = AnalyzerResult.model_validate_json(text)
        type(result).model_validate_json(text)
    except Exception as error:  # serialising and reading back call into the result's own code
        yield f"it does not come back from JSON as a result: {' '.join(str(error).split())[:300]}"
        return
    if not isinstance(result, AnalyzerEntry) and (taken := sorted(ENGINES & set(json.loads(text)))):
        yield f"it has fields that the engine fills in: {', '.join(taken)}"
    for thing in (*plain.segments, *plain.tracks):
        try:
            Known.model_validate(thing.model_dump(mode="json"))
        except ValidationError as error:
            first = error.errors()[0]
            yield f"{'.'.join(map(str, first['loc']))} of a segment or track is {first['input']!r:.40}: {first['msg']}"
            break
    end = duration_s + TIME_SLACK_S
    if any(not 0 <= s.start_s <= s.end_s <= end for s in plain.segments):
        yield f"a segment lies outside of the clip (0 to {duration_s:g} s) or ends before it begins"
    if (starts := [s.start_s for s in plain.segments]) != sorted(starts):
        yield "its segments are not in order of their starts"
    for track in plain.tracks:
        times = [p.t_s for p in track.points]
        if not 0 <= track.start_s <= track.end_s <= end or times != sorted(times) or any(not 0 <= t <= end for t in times):
            yield f"track {track.track_id} lies outside of the clip (0 to {duration_s:g} s) or is not in order"
        if len(times) > MAX_TRACK_HZ * (track.end_s - track.start_s) + 1:
            yield f"track {track.track_id} has more than 5 points a second"
    for series in plain.series:
        if len(series.t_s) != len(series.values) or not series.unit:
            yield f"the series {series.name} has times and values of different number, or no unit"
        if series.t_s != sorted(series.t_s) or any(not 0 <= t <= end for t in series.t_s):
            yield f"the series {series.name} is not in order of time, or leaves the clip (0 to {duration_s:g} s)"
        if len(series.t_s) > MAX_SERIES_HZ * duration_s + 2:
            yield f"the series {series.name} has more than 10 values a second"
