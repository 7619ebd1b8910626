"""Analyzers of the benchmark: the contract of every analyzer, models of random weights behind it. Nothing here imports torch before `load`.

Pictures and sound are true, the work on the device is true, the outputs mean nothing: what stands in the document comes from
bench.gpu.recorded, and `weights: random` stands beside it.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any, ClassVar

from bench.gpu.configs import ARCHITECTURES
from bench.gpu.recorded import make_segments
from bench.gpu.sharing import Batch, SharedQueue, Ticket
from reelscope.analyzers.base import (
    Analyzer,
    AnalyzerSpec,
    AudioNeed,
    Backend,
    Clip,
    FrameNeed,
    Group,
    Inputs,
    LoadContext,
    Options,
    Window,
)
from reelscope.document.schema import AnalyzerResult, Summary
from reelscope.models.sources import ModelSource, register
from reelscope.models.upload import uploads

__all__ = ["MEMBERS", "BenchOptions", "BenchResult", "BenchSummary", "Measured"]

MIB = 2**20
WAIT_S = 0.5  # a batch that is not full waits so long for another clip's items: a fraction of what one batch of segments takes
SEGMENT_FRAMES = 16
SOUND_RATE_HZ = 16_000


class BenchOptions(Options):
    """stand_in: the CPU stands in for a GPU that the plan names. oom_above: batches larger than this run out of (pretended) memory."""

    stand_in: bool = False
    oom_above: int | None = None


class Measured(Summary):
    """What differs from run to run; comparisons of documents leave it out. MiB are PyTorch's own figures; null on the CPU.

    batches: as the queue cut them; largest_batch: that went through the network at once (it shrinks where memory runs out).
    """

    batches: list[dict[str, Any]] = []
    largest_batch: int = 0
    allocated_mib: float | None = None
    reserved_mib: float | None = None
    allocated_peak_mib: float | None = None
    reserved_peak_mib: float | None = None
    weights_mib: float = 0.0
    uploads: int = 0
    uploads_shared: int = 0
    sent_mib: float = 0.0
    pid: int = 0
    on: str = ""


class BenchSummary(Summary):
    """items: pictures, segments or stretches of sound that went through the network; tokens: generated for them."""

    weights: str = "random"
    outputs: str = "recorded"
    network: str = ""
    parameters: int = 0
    items: int = 0
    tokens: int = 0
    measured: Measured = Measured()


class BenchResult(AnalyzerResult):
    """Segments from recorded outputs."""

    summary: BenchSummary = BenchSummary()


class BenchAnalyzer(Analyzer[BenchResult]):
    """What all of them share: the network from the model manager, items into its queue, results when finished."""

    Options = BenchOptions
    Result = BenchResult
    wait_s: ClassVar[float] = 0.0
    backlog: ClassVar[int] = 1  # full batches that may wait while frames are fed

    def load(self, ctx: LoadContext) -> None:
        from bench.gpu.networks import build

        stand_in = ctx.options.stand_in and ctx.device != "cpu"  # type: ignore[attr-defined]
        ctx = dataclasses.replace(ctx, device="cpu") if stand_in else ctx
        super().load(ctx)
        assert ctx.backend is not None
        self.network_name = ctx.backend
        made = ARCHITECTURES[ctx.backend]
        model = f"random/{ctx.backend}"
        register(ModelSource(model, "torch", loader=build, vram_mib=made.vram_mib, revision="random", licence="none: random weights"))
        self.handle = ctx.model(model, precision="bf16")
        self.tickets: list[Ticket] = []
        self.spans: list[tuple[float, float]] = []
        self._entered: SharedQueue | None = None

    def begin(self, clip: Clip) -> None:
        self._leave()
        self.tickets, self.spans, self._largest = [], [], 0
        self._entered = self.network.queue
        self._entered.enter(self)

    def close(self) -> None:
        self._leave()

    @property
    def network(self) -> Any:
        """The network, taken anew: it may have been unloaded between clips."""
        return self.handle.session.model

    def put(self, item: Any, span: tuple[float, float]) -> None:
        """Queue one item; a full batch runs at once."""
        self.spans.append(span)
        self.tickets.append(self.network.queue.put(self, item, limit=self._limit, run=self._run, backlog=self.backlog))

    def finish(self, inputs: Inputs) -> BenchResult:
        network = self.network
        try:
            network.queue.results(self.tickets, limit=self._limit, run=self._run, wait_s=self.wait_s)
            batches = [t.batch for t in self.tickets if t.batch is not None]
        finally:
            self._leave()
        summary = BenchSummary(
            network=network.name,
            parameters=sum(p.numel() for p in network.parameters()),
            items=len(self.spans),
            tokens=network.tokens * len(self.spans),
            measured=self._measured(network, batches),
        )
        self.tickets = []
        return BenchResult(segments=make_segments(self.spec.name, self.spans), summary=summary)

    @property
    def _limit(self) -> int:
        return self.ctx.batches.size  # shrinks where memory runs out

    def _run(self, items: Any) -> list[Any]:
        return self.ctx.batched(items, self._compute)

    def _compute(self, items: Any) -> list[float]:
        most = self.options.oom_above
        if most is not None and len(items) > most:
            import torch

            raise torch.OutOfMemoryError(f"simulated: a batch of {len(items)}, {most} fit")
        means = self.network.run(items)
        self._largest = max(self._largest, len(items))
        return means

    def _leave(self) -> None:
        entered = getattr(self, "_entered", None)  # close is legal after a failed load
        if entered is not None:
            entered.leave(self)
            self._entered = None

    def _measured(self, network: Any, batches: list[Batch]) -> Measured:
        import torch

        sent = uploads(self.ctx.device)
        cuda = self.ctx.device.startswith("cuda")
        once = {b.key: dataclasses.asdict(b) for b in batches}
        return Measured(
            batches=list(once.values()),
            largest_batch=self._largest,
            allocated_mib=torch.cuda.memory_allocated(self.ctx.device) / MIB if cuda else None,
            reserved_mib=torch.cuda.memory_reserved(self.ctx.device) / MIB if cuda else None,
            allocated_peak_mib=torch.cuda.max_memory_allocated(self.ctx.device) / MIB if cuda else None,
            reserved_peak_mib=torch.cuda.max_memory_reserved(self.ctx.device) / MIB if cuda else None,
            weights_mib=sum(p.numel() * p.element_size() for p in network.parameters()) / MIB,
            uploads=sent.uploads,
            uploads_shared=sent.shared,
            sent_mib=sent.sent_bytes / MIB,
            pid=os.getpid(),
            on=str(network.device) + (" (stands in for a GPU)" if not cuda and self.options.stand_in else ""),
        )


class PictureAnalyzer(BenchAnalyzer):
    """One item for each frame."""

    def feed(self, window: Window) -> None:
        given = window.frames(self.frames[0])
        if not len(given):
            return
        on_device = uploads(self.ctx.device).frames(window, self.frames[0])
        for tensor, t_s in zip(on_device, given.pts_s, strict=True):
            self.put(tensor, (float(t_s), float(t_s)))


class SegmentAnalyzer(BenchAnalyzer):
    """One item for each window: its frames, filled up with the last one to always as many."""

    # Generating takes longer than decoding: it begins when the clip's frames are all there, so that feeding never holds the decoder (and
    # with it the other workers) up. Only a long clip works its backlog off while it is fed: frames on the device must not grow without end.
    wait_s = WAIT_S
    backlog = 8

    def feed(self, window: Window) -> None:
        if not len(window.frames(self.frames[0])):
            return
        import torch

        on_device = uploads(self.ctx.device).frames(window, self.frames[0])
        most = self.segment_frames
        chosen = torch.linspace(0, len(on_device) - 1, most, device=on_device.device).round().long()
        self.put(on_device[chosen], (window.start_s, window.end_s))

    @property
    def segment_frames(self) -> int:
        """Even: the vision tower takes frames in pairs."""
        return 4 if "tiny" in self.network_name else SEGMENT_FRAMES


class SoundAnalyzer(BenchAnalyzer):
    """One item for each stretch of sound, the last one filled up with silence."""

    stretch_s: ClassVar[float] = 10.0

    def finish(self, inputs: Inputs) -> BenchResult:
        import torch

        assert inputs.audio is not None
        sound, step = inputs.audio.mono16k, round(self.stretch_s * SOUND_RATE_HZ)
        for start in range(0, len(sound), step):
            part = sound[start : start + step]
            item = torch.zeros(step)
            item[: len(part)] = torch.from_numpy(part.copy())
            self.put(item.to(self.ctx.device), (start / SOUND_RATE_HZ, (start + len(part)) / SOUND_RATE_HZ))
        return super().finish(inputs)


def _spec(name: str, group: Group, *, batch: int, networks: tuple[str, ...], fps: float | None = None) -> AnalyzerSpec:
    """A backend for each network. The last one is tiny; all are `full`, so that without a GPU they run only where they are named."""
    backends = []
    for i, network in enumerate(networks):
        made = ARCHITECTURES[network]
        tiny = "tiny" in network
        frames = (FrameNeed(fps=fps, size_px=made.size_px),) if made.size_px else ()
        backends.append(
            Backend(
                name=network,
                tier="full",
                rank=len(networks) - i,
                packages=("torch", "transformers"),
                frames=frames,
                audio=None if frames else AudioNeed("mono16k"),
                batch=min(batch, 4) if tiny else batch,
                vram_mib=made.vram_mib,
                ram_mib=16 if tiny else made.vram_mib,
                cost=0.5,
            )
        )
    return AnalyzerSpec(name=name, version=1, group=group, backends=tuple(backends), window_timeout_s=300.0, finish_timeout_x=60.0)


class Vlm(SegmentAnalyzer):
    spec = _spec("qwen2_vl_temporal", "language", batch=8, networks=("qwen2-vl-7b", "qwen2-vl-2b", "qwen2-vl-tiny"), fps=8)


class Objects(PictureAnalyzer):
    spec = _spec("object_detection", "detection", batch=64, networks=("d-fine-full", "d-fine-tiny"), fps=5)


class Background(PictureAnalyzer):
    spec = _spec("background_segmentation", "detection", batch=16, networks=("segformer-b5", "segformer-tiny"), fps=5)


class BodyPose(PictureAnalyzer):
    spec = _spec("body_pose", "people", batch=16, networks=("vitpose-huge", "vitpose-tiny"), fps=4)


class Scenes(PictureAnalyzer):
    spec = _spec("scene_segmentation", "people", batch=16, networks=("siglip-so400m", "siglip-tiny"), fps=4)


class Quality(PictureAnalyzer):
    spec = _spec("content_quality", "people", batch=16, networks=("clip-vit-l", "clip-tiny"), fps=4)


class Words(SoundAnalyzer):
    stretch_s = 30.0
    spec = _spec("speech_transcription", "audio", batch=8, networks=("whisper-large-v3", "whisper-tiny-random"))


class Heard(SoundAnalyzer):
    stretch_s = 10.24
    spec = _spec("audio_environment", "audio", batch=8, networks=("ast", "ast-tiny"))


class Emotion(SoundAnalyzer):
    stretch_s = 4.0
    spec = _spec("speech_emotion", "audio", batch=8, networks=("wav2vec2-large", "wav2vec2-tiny"))


MEMBERS: tuple[type[BenchAnalyzer], ...] = (Vlm, Objects, Background, BodyPose, Scenes, Quality, Words, Heard, Emotion)
