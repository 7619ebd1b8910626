"""What happens, told by a vision-language model for every two seconds, and a summary. See docs/analyzers/qwen2_vl_temporal.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend
from reelscope.document.schema import AnalyzerResult, ModelInfo, Segment, Summary
from reelscope.errors import NotApplicable
from reelscope.features.base import Clip, Inputs, LoadContext, Options
from reelscope.media.frames import FrameNeed, Window
from reelscope.timebase import coverage, round_s

if TYPE_CHECKING:
    from reelscope.analyzers.qwen2_vl_temporal._asking import Asker, Described, Describer
    from reelscope.analyzers.qwen2_vl_temporal._segments import Cutter, SegmentFrames

__all__ = ["ANALYZER", "HappeningResult", "HappeningSegment", "HappeningSummary", "Qwen2VlOptions", "Qwen2VlTemporalAnalyzer"]

# 16 frames in 2 s. At a short side of 336 px a square picture is 12 x 12 of the models' squares of 28 px, 144 tokens; longer ones are
# shrunk to that many by the analyzer (9:16 to 252x448, 9 x 16), with the kernel of the models' own processors. The budget is one token
# more, since 1080x1920 comes as 336x597, a third of a pixel short, and would else lose a row.
FRAMES = FrameNeed(fps=8, short_side_px=336)
# The smallest picture that the models' own processors make; smaller ones are enlarged to it.
MIN_PIXELS = 56 * 56
# Segments that wait for the end of the clip: describing takes longer than decoding, and must not hold up what else reads the windows. A
# longer clip works off its backlog while it is decoded. 16 segments of 16 frames of 252x448 are 83 MiB.
HELD_SEGMENTS = 16
SERVER_FACTOR = 28  # sides of pictures for a server, whatever model it has: a multiple of the usual patch keeps them from being cut


class Qwen2VlOptions(Options):
    """How clips are described."""

    language: str = Field(
        default="English", pattern=r"^[A-Za-z][A-Za-z -]{1,29}$", description="language of the descriptions, by its English name"
    )
    segment_s: float = Field(default=2.0, ge=1, le=4, description="seconds of a segment")
    frames: int = Field(default=16, ge=2, le=32, multiple_of=2, description="frames shown of a segment, at most 8 for each second")
    picture_tokens: int = Field(
        default=145, ge=4, le=512, description="tokens that a pair of frames may cost: a square of 28 or 32 pixels is one"
    )
    max_new_tokens: int = Field(default=256, ge=32, le=1024, description="tokens of an answer")
    group: int = Field(default=8, ge=1, le=32, description="segments asked about with the same context: the last text of the group before")
    time_budget_x: float = Field(
        default=60.0, gt=0, le=100, description="seconds of describing for each second of the clip; what is left over then fails"
    )
    server: str | None = Field(
        default=None,
        max_length=500,
        description="URL of a server on this machine that speaks the OpenAI chat protocol, in place of models in this process",
        examples=["http://127.0.0.1:8000/v1"],
    )
    server_host: str | None = Field(
        default=None, max_length=253, description="host outside this machine that the server may be on; frames of the clip are sent there"
    )
    server_model: str | None = Field(
        default=None, max_length=200, description="model to ask the server for; not set: the only one it offers"
    )
    server_at_once: int = Field(default=4, ge=1, le=64, description="questions under way at the server at the same time")
    server_timeout_s: float = Field(default=120.0, gt=0, le=600, description="longest time for one answer of the server")


class HappeningSegment(Segment):
    """A stretch of `segment_s` on a fixed grid, in the model's words; nothing is filled in where it failed (`reason` tells why).

    Attributes:
        status: `ok`: the model gave an answer of the asked-for shape; `failed`: it did not, and the fields below are null.
        frames: Different frames that the model was shown.
        what_happens: One or two sentences.
        objects: Things and people that matter.
        setting, mood: A few words; null also where the model could not tell.
        continuity: How it goes on from the last picture of the segment before; null for the first segment.
        repaired: Whether the answer came at the second asking.
    """

    status: Literal["ok", "failed"]
    reason: str | None = None
    frames: int
    what_happens: str | None = None
    objects: list[str] | None = None
    setting: str | None = None
    mood: str | None = None
    continuity: str | None = None
    repaired: bool = False


class HappeningSummary(Summary):
    """The whole clip. `text`: a summary made of the segments' texts alone, null with `text_reason`.

    `text_from`: of how many segments; `answers`, `tokens`: how often the model was asked, and tokens that it wrote (0 where a server does
    not tell); `repaired`: answers that came at the second asking.
    """

    text: str | None = None
    text_reason: str | None = None
    text_from: int = 0
    language: str | None = None
    segments_ok: int = 0
    segments_failed: int = 0
    answers: int = 0
    tokens: int = 0
    repaired: int = 0


class HappeningResult(AnalyzerResult):
    """Result of qwen2_vl_temporal. `coverage` is the share of the clip's time that is described."""

    segments: list[HappeningSegment] = []  # type: ignore[assignment]
    summary: HappeningSummary = HappeningSummary()

    @property
    def repeatable(self) -> bool:
        """Not where the time budget was spent: a machine with less to do gets further."""
        from reelscope.analyzers.qwen2_vl_temporal._asking import NO_TIME

        return not any(NO_TIME in (reason or "") for reason in (self.summary.text_reason, *(s.reason for s in self.segments)))


def _local(name: str, rank: int, *, weights_mib: int, work_mib: int) -> Backend:
    """A model in this process. weights_mib: in bf16, from its number of parameters; work_mib: computed for 8 segments of 16 frames of
    252x448: about 2,000 tokens each in the cache of keys and values, one layer's activations over all of them, the vision tower's."""
    return Backend(
        name, "full", rank=rank, models=(name,), packages=("torch", "transformers", "tokenizers"), frames=(FRAMES,), batch=8, threads=8,
        ram_mib=2 * weights_mib, vram_mib=weights_mib + work_mib, cost=0.12,
    )  # fmt: skip


class Qwen2VlTemporalAnalyzer(Analyzer[HappeningResult]):
    """Shows the model each segment's frames and reads its answers as data."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec(
        "qwen2_vl_temporal",
        version=1,
        group="language",
        backends=(
            Backend("server", "full", rank=60, frames=(FRAMES,), cost=0.15, needs_option="server"),
            _local("qwen2-vl-7b", 50, weights_mib=15_800, work_mib=3_000),
            _local("qwen3-vl-8b", 40, weights_mib=16_720, work_mib=4_200),
            _local("qwen2.5-vl-7b", 30, weights_mib=15_820, work_mib=3_000),
            _local("qwen3-vl-4b", 20, weights_mib=8_470, work_mib=3_800),
            _local("qwen2-vl-2b", 10, weights_mib=4_230, work_mib=1_800),
        ),
        # The options' time budget is what ends long work; these deadlines catch what hangs: in feed a group (at most MOST_S of the budget),
        # in finish all that is left and the summary.
        window_timeout_s=1_800.0,
        finish_timeout_x=120.0,
    )
    Options: ClassVar[type[Options]] = Qwen2VlOptions
    Result: ClassVar[type[AnalyzerResult]] = HappeningResult

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        self._asker: Asker | None = None
        self._factor = SERVER_FACTOR
        if ctx.backend == "server":
            self._asker = self._connected()
        else:
            assert ctx.backend is not None
            self._handle = ctx.model(ctx.backend, precision="fp32" if ctx.device == "cpu" else "bf16")

    def _connected(self) -> Any:
        from reelscope.analyzers.qwen2_vl_temporal._http import find
        from reelscope.analyzers.qwen2_vl_temporal._server import Server

        o = self.options
        return Server(find(o.server, o.server_host), model=o.server_model, at_once=o.server_at_once, timeout_s=o.server_timeout_s)

    def begin(self, clip: Clip) -> None:
        from reelscope.analyzers.qwen2_vl_temporal._asking import Budget, Describer
        from reelscope.analyzers.qwen2_vl_temporal._segments import Cutter

        if self._asker is None:
            from reelscope.analyzers.qwen2_vl_temporal._transformers import Writer

            writer = Writer(str(self.ctx.backend), lambda: self._handle.session, self.ctx.batched)
            self._asker, self._factor = writer, writer.eye.factor
        if isinstance(models := getattr(self._asker, "models", None), dict):
            models.clear()
        self._cutter: Cutter[Any] = Cutter(self.options.segment_s, self.options.frames)
        self._describer: Describer = Describer(
            self._asker, Budget(self.options.time_budget_x), self.options.language, self.options.max_new_tokens
        )
        self._waiting: list[SegmentFrames[Any]] = []
        self._rows: list[HappeningSegment] = []

    def feed(self, window: Window) -> None:
        from reelscope.analyzers.qwen2_vl_temporal._vision import fit_size, resize

        given = window.frames(self.frames[0])
        if not len(given):
            return
        high, wide = given.pixels.shape[1:3]
        try:
            size = fit_size(
                wide, high, factor=self._factor, min_pixels=MIN_PIXELS, max_pixels=self.options.picture_tokens * self._factor**2
            )
        except ValueError as error:
            raise NotApplicable(str(error)) from None
        for pixels, t_s in zip(given.pixels, given.pts_s, strict=True):
            self._waiting += self._cutter.add(float(t_s), resize(pixels, *size))
        while len(self._waiting) > max(HELD_SEGMENTS, self.options.group):
            self._describe_group()

    def finish(self, inputs: Inputs) -> HappeningResult:
        duration_s = inputs.clip.media.duration_s
        self._waiting += self._cutter.end(duration_s)
        while self._waiting:
            self._describe_group()
        rows, self._rows = self._rows, []
        texts = [(r.start_s, r.end_s, r.what_happens) for r in rows if r.what_happens is not None]
        whole, of = self._describer.whole(texts, duration_s)
        failed = [r for r in rows if r.status == "failed"]
        summary = HappeningSummary(
            text=whole.answer.summary if whole.answer is not None else None,
            text_reason=whole.reason,
            text_from=of if whole.answer is not None else 0,
            language=self.options.language,
            segments_ok=len(rows) - len(failed),
            segments_failed=len(failed),
            answers=self._describer.asked,
            tokens=self._describer.generated,
            repaired=self._describer.repaired,
        )
        warnings = [f"{len(failed)} of {len(rows)} segments could not be described; the first: {failed[0].reason}"] if failed else []
        share = coverage([(r.start_s, r.end_s) for r in rows if r.status == "ok"], duration_s)
        return HappeningResult(coverage=share, segments=rows, summary=summary, warnings=warnings, **self._told())

    def close(self) -> None:
        self._asker = None

    def _describe_group(self) -> None:
        group, self._waiting = self._waiting[: self.options.group], self._waiting[self.options.group :]
        self._rows += [_row(s, d) for s, d in zip(group, self._describer.group(group), strict=True)]

    def _told(self) -> dict[str, Any]:
        """The model that a server says it used; models in this process are told of by the engine."""
        names = getattr(self._asker, "models", None)
        return {"models": [ModelInfo(id=n) for n in names]} if names else {}


def _row(shown: SegmentFrames[Any], found: Described) -> HappeningSegment:
    start_s, end_s = round_s(shown.start_s), round_s(shown.end_s)
    if found.answer is None:
        return HappeningSegment(start_s=start_s, end_s=end_s, status="failed", reason=found.reason, frames=len(shown.pictures))
    told = found.answer.model_dump()
    if shown.before is None:
        told["continuity"] = None  # there was nothing to compare with, whatever the model says
    return HappeningSegment(start_s=start_s, end_s=end_s, status="ok", frames=len(shown.pictures), repaired=found.repaired, **told)


ANALYZER = Qwen2VlTemporalAnalyzer
