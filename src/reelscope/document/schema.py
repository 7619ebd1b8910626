"""The document's shape. Times are seconds on the clip's presentation clock, intervals half-open, keys added but never renamed.

An analyzer's result is a subclass of `AnalyzerResult` whose segments and summary are subclasses of `Segment` and `Summary` with typed
fields of their own. Read back from JSON, a document holds the plain bases, which keep every field that they do not know.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, SerializeAsAny

from reelscope.document.names import ANALYZER_NAMES

__all__ = [
    "SCHEMA_VERSION",
    "AnalyzerEntry",
    "AnalyzerResult",
    "AudioInfo",
    "Box",
    "CacheInfo",
    "Document",
    "Insight",
    "MediaInfo",
    "ModelInfo",
    "PluginEntry",
    "RunInfo",
    "Seconds",
    "Segment",
    "Series",
    "ShotCamera",
    "ShotRow",
    "ShotTransition",
    "Sidecar",
    "SourceInfo",
    "Status",
    "Summary",
    "Swatch",
    "Track",
    "TrackPoint",
    "XywhNorm",
]

SCHEMA_VERSION = "1.0"

Status = Literal["ok", "not_applicable", "unavailable", "skipped", "failed", "timeout"]
Tier = Literal["embedded", "compact", "full"]

Seconds = Annotated[float, PlainSerializer(lambda v: round(float(v), 6), return_type=float)]
"""Seconds on the clip's clock, written with at most 6 decimals."""

Value = Annotated[float | None, PlainSerializer(lambda v: None if v is None else float(f"{v:.5g}"), return_type=float | None)]
"""A measured figure, written with 5 significant digits; null where it cannot be measured."""

Share = Annotated[float, PlainSerializer(lambda v: round(float(v), 5), return_type=float)]

XywhNorm = tuple[Share, Share, Share, Share]
"""Box as x, y, width, height of the display picture, each 0-1, origin at the top left."""


class Model(BaseModel):
    """Base of everything in the document."""

    model_config = ConfigDict(extra="allow", ser_json_inf_nan="null", allow_inf_nan=False)


class Segment(Model):
    """A stretch of time with what was measured in it. Subclasses add typed fields."""

    start_s: Seconds
    end_s: Seconds
    confidence: Annotated[Value, Field(ge=0, le=1)] = None


class Box(Model):
    """Where something is at one moment."""

    t_s: Seconds
    xywh_norm: XywhNorm


class TrackPoint(Box):
    """One point of a track's path."""


class Track(Model):
    """One thing followed over time, with its box path (at most 5 points per second)."""

    track_id: int
    start_s: Seconds
    end_s: Seconds
    label: str | None = None
    points: list[SerializeAsAny[TrackPoint]] = []


class Series(Model):
    """One figure over time (at most 10 values per second). Null values: not measurable at that time."""

    name: str
    unit: str
    t_s: list[Seconds]
    values: list[Value]


class Summary(Model):
    """Figures of the whole clip. Subclasses add typed fields."""


class AnalyzerResult(Model):
    """What an analyzer measured; the engine adds how it was measured (see AnalyzerEntry).

    `coverage` is the share (0-1) of the clip's duration that the analyzer looked at, not the share in which it found something.
    """

    coverage: Annotated[float, Field(ge=0, le=1)] = 1.0
    segments: list[SerializeAsAny[Segment]] = []
    tracks: list[SerializeAsAny[Track]] = []
    series: list[Series] = []
    summary: SerializeAsAny[Summary] = Summary()
    warnings: list[str] = []

    @property
    def repeatable(self) -> bool:
        """Whether the same clip gives the same again; a result for which time ran out is not kept for later runs."""
        return True


class ModelInfo(Model):
    """A model that took part, pinned by its content. terms: what its licence alone does not say, and was accepted by name."""

    id: str
    revision: str | None = None
    sha256: str | None = None
    licence: str | None = None
    terms: str | None = None


class Sidecar(Model):
    """A file beside the document for data too dense for it."""

    file: str
    sha256: str
    count: int


class AnalyzerEntry(AnalyzerResult):
    """One of the nineteen keys under `analyzers`; of a plugin's key see PluginEntry.

    `reused`: taken from an earlier run of the same clip; device, models, seconds and attempts are that run's.
    """

    status: Status
    requested: bool
    coverage: Annotated[float, Field(ge=0, le=1)] = 0.0
    backend: str | None = None
    tier: Tier | None = None
    device: str | None = None
    models: list[ModelInfo] = []
    version: int | None = None
    options: dict[str, Any] = {}
    seconds: Value = None
    attempts: int = 0
    reused: bool = False
    code: str | None = None
    reason: str | None = None
    hint: str | None = None
    sidecars: list[Sidecar] = []


class PluginEntry(AnalyzerEntry):
    """A key under `analyzers` besides the nineteen: of an analyzer that another installed package brought (docs/writing-an-analyzer.md).

    Attributes:
        title: What it is called. distribution, distribution_version: the package.
    """

    title: str
    distribution: str
    distribution_version: str


class AudioInfo(Model):
    """The clip's sound track."""

    codec: str
    rate_hz: int
    channels: int
    layout: str
    start_s: Seconds
    duration_s: Seconds
    bit_rate_bps: int | None = None


class MediaInfo(Model):
    """Facts of the file. `duration_header_s` is what the container says, `duration_decoded_s` what really decoded; `duration_s` chooses.

    The picture's fields are null for a clip of sound alone. Width and height are the display size: square pixels, upright.
    `slides`: of a clip that was made of still pictures, when each of them begins (the first at 0); null for every other clip.
    """

    container: str
    duration_s: Seconds
    duration_header_s: Seconds | None = None
    duration_decoded_s: Seconds | None = None
    missing_s: Seconds = 0.0
    width_px: int | None = None
    height_px: int | None = None
    coded_width_px: int | None = None
    coded_height_px: int | None = None
    pixel_aspect: float | None = None
    rotation_deg: int = 0
    fps: float | None = None
    vfr: bool = False
    start_s: Seconds = 0.0
    codec: str | None = None
    pixel_format: str | None = None
    bit_depth: int | None = None
    hdr: Literal["pq", "hlg"] | None = None
    bit_rate_bps: int | None = None
    video_bit_rate_bps: int | None = None
    size_bytes: int
    frames_decoded: int = 0
    decode_errors: int = 0
    video_streams: int = 1
    audio_streams: int = 0
    audio: AudioInfo | None = None
    slides: list[Seconds] | None = None
    warnings: list[str] = []


class SourceInfo(Model):
    """Where the clip came from."""

    path: str | None = None
    url: str | None = None
    sha256: str
    post: dict[str, Any] | None = None


class CacheInfo(Model):
    """What did not have to be done again.

    `hits`, `misses`, `load_s`: models (and analyzers) found loaded, loaded in this run, and the seconds that took. `evictions`: models
    unloaded for want of room; `bytes_held`: memory of those loaded at the end. `results_reused`: analyzers whose result was kept.
    """

    hits: int = 0
    misses: int = 0
    load_s: Value = 0.0
    evictions: int = 0
    bytes_held: int = 0
    results_reused: list[str] = []


class RunInfo(Model):
    """How the document was made."""

    version: str
    seconds: Value
    realtime_factor: Value
    tier: str
    device: str
    passes: int
    phases: dict[str, Value] = {}
    features: dict[str, Value] = {}
    cache: CacheInfo = CacheInfo()
    peak_rss_mib: Value = None
    peak_vram_mib: Value = None


class ShotTransition(Model):
    """How a shot is entered."""

    kind: str
    variant: str | None = None
    start_s: Seconds
    end_s: Seconds
    jump_cut: bool | None = None


class ShotCamera(Model):
    """The camera in one shot. `speed_fw_s`: frame widths per second; `zoom_rate_s`: natural log of scale per second."""

    move: str
    components: list[str] = []
    speed_fw_s: Value = None
    zoom_rate_s: Value = None
    shake: Value = None


class Swatch(Model):
    """One colour of a palette: sRGB hex, share 0-1 of the picture, common name."""

    hex: str
    share: Value
    name: str | None = None


class ShotRow(Model):
    """One shot of the spine: shots tile the clip, a gradual transition is divided at its midpoint. Null: not measured."""

    index: int
    start_s: Seconds
    end_s: Seconds
    transition_in: ShotTransition | None = None
    keyframe_s: Seconds | None = None
    keyframe: str | None = None
    size: str | None = None
    camera: ShotCamera | None = None
    text: list[str] = []
    speech: str | None = None
    speech_share: Value = None
    palette: list[Swatch] = []
    loudness_lufs: Value = None
    sharpness: Value = None
    scene: int | None = None
    description: str | None = None


class Insight(Model):
    """A conclusion from several analyzers: a pure function of the rest of the document, whose formula stands in docs/insights.md.

    Attributes:
        status: `unavailable` where an input is missing without which nothing can be said: `reason` names it, `hint` what would change that.
            `failed` is a bug of ours.
        not_measured: Why single figures are null where the rest could be said, by name of the figure.
    """

    status: Literal["ok", "unavailable", "failed"] = "ok"
    code: str | None = None
    reason: str | None = None
    hint: str | None = None
    not_measured: dict[str, str] = {}


class Document(Model):
    """The production document of one clip."""

    schema_version: str = SCHEMA_VERSION
    analysis_id: str
    created_at: datetime
    source: SourceInfo
    media: MediaInfo
    run: RunInfo
    shots: list[ShotRow] = []
    analyzers: dict[str, SerializeAsAny[AnalyzerEntry]]
    insights: dict[str, SerializeAsAny[Insight]] = {}

    def model_post_init(self, context: Any, /) -> None:
        missing = [name for name in ANALYZER_NAMES if name not in self.analyzers]
        if missing:
            raise ValueError(f"a document has all {len(ANALYZER_NAMES)} analyzers; missing: {', '.join(missing)}")
