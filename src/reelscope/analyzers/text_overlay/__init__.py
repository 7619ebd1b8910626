"""Text on screen: each text with its words, from-to, place, part it plays, size, colours and contrast.

Texts are found by the PP-OCRv6 networks inside the rapidocr wheel, run only where a gate on the picture's gradients says that something
text-like has come to rest; followed by matched filters; timed on every frame. Method and figures: docs/analyzers/text_overlay.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from reelscope.analyzers.base import Analyzer, AnalyzerSpec, Backend, Clip, Inputs, LoadContext, Window
from reelscope.document.schema import AnalyzerResult, Seconds, Segment, Summary, Track, Value, XywhNorm
from reelscope.media.frames import EVERY_FRAME, SAMPLED_LARGE

if TYPE_CHECKING:
    from reelscope.analyzers.text_overlay._follow import Follower
    from reelscope.analyzers.text_overlay._layout import Block, Frame, ReadLine

__all__ = ["ANALYZER", "TextOverlay", "TextOverlayResult", "TextOverlaySummary", "TextSegment"]

POINT_GAP_S = 0.199  # track points at most five a second
UPRIGHT_DEG = 3.0  # boxes of lines up to this tilt are drawn in to the ink; detected boxes have a margin
EXTENT_MIN = 0.85  # share of the detected width that the ink must span to be all of it
INK_HEIGHT_SHARE = 0.75  # of a detected line's height, where the ink itself could not be told from the ground

Xyxy = tuple[float, float, float, float]


class TextSegment(Segment):
    """One text on screen, of one or several lines.

    Attributes:
        text: The words, lines joined by a space (by nothing between Chinese or Japanese characters); lines: one by one, from the top.
        role: caption | title | sticker | watermark | scene_text; role_evidence: what speaks for that.
        track_id: The box path under `tracks`.
        xywh_norm: Where it stood longest.
        line_height_px: Height of a line's letters (highest to lowest ink) in px of the display picture.
        line_height_share: The same as share of the picture's height.
        tilt_deg: Clockwise turn against the horizontal.
        text_colour, background_colour: sRGB hex of the strokes, and of what directly surrounds them (plate, outline or picture);
            null where they do not come apart.
        contrast_ratio: WCAG 2.1 contrast of the two, 1-21.
        confidence: Mean probability of the characters in the best reading, by the recogniser; the lowest of the lines.
    """

    text: str
    lines: list[str]
    role: Literal["caption", "title", "sticker", "watermark", "scene_text"]
    role_evidence: list[str] = []
    track_id: int
    xywh_norm: XywhNorm
    line_height_px: Value
    line_height_share: Value
    tilt_deg: Value = 0.0
    text_colour: str | None = None
    background_colour: str | None = None
    contrast_ratio: Value = None


class TextOverlaySummary(Summary):
    """Figures of the whole clip.

    Attributes:
        count: Texts; by_role: texts per role; characters: letters and digits of all texts.
        text_s, text_share: Seconds in which at least one text stands, and as share of the clip.
        overlay_s: The same without scene text.
        unreadable_lines: Lines of writing that could be followed but not read (another script, too small, too blurred).
        lowest_contrast_ratio: Of all overlaid texts; null without any.
    """

    count: int = 0
    by_role: dict[str, int] = {}
    characters: int = 0
    text_s: Seconds = 0.0
    text_share: Value = 0.0
    overlay_s: Seconds = 0.0
    unreadable_lines: int = 0
    lowest_contrast_ratio: Value = None


class TextOverlayResult(AnalyzerResult):
    """Texts in order of appearance; one track each, unreadable lines as further tracks labelled `unreadable`."""

    segments: list[TextSegment] = []  # type: ignore[assignment]
    summary: TextOverlaySummary = Field(default_factory=TextOverlaySummary)


class TextOverlay(Analyzer[TextOverlayResult]):
    """Follows text through the windows; makes segments at the end."""

    spec = AnalyzerSpec(
        name="text_overlay",
        version=2,
        group="detection",
        backends=(
            Backend(
                name="ppocrv6",
                tier="embedded",
                rank=10,
                models=("pp-ocrv6-det-small", "pp-ocrv6-rec-small"),
                packages=("cv2", "onnxruntime", "rapidocr"),
                frames=(SAMPLED_LARGE, EVERY_FRAME),
                soft_after=("cut_analysis",),
                threads=1,
                ram_mib=350,
                cost=0.12,
            ),
        ),
        window_timeout_s=120.0,
    )
    Result = TextOverlayResult

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        from reelscope.analyzers.text_overlay._ocr import DETECTOR, RECOGNISER, TextReader

        self._reader = TextReader(ctx.model(DETECTOR), ctx.model(RECOGNISER))
        self._follower: Follower | None = None

    def begin(self, clip: Clip) -> None:
        from reelscope.analyzers.text_overlay._follow import Follower

        self._follower = Follower(self._reader)
        self._scale = (1.0, 1.0)

    def feed(self, window: Window) -> None:
        import cv2

        follower = self._follower
        assert follower is not None, "begin() comes before feed()"
        samples = window.frames(self.frames[0])
        every = window.frames(self.frames[1])
        for pixels, pts_s in zip(every.pixels, every.pts_s, strict=True):
            follower.small_frame(float(pts_s), cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
        for pixels, pts_s in zip(samples.pixels, samples.pts_s, strict=True):
            follower.sample(float(pts_s), pixels)
            self._scale = (window.size_px[0] / pixels.shape[1], window.size_px[1] / pixels.shape[0])

    def finish(self, inputs: Inputs) -> TextOverlayResult:
        from reelscope.analyzers.text_overlay import _layout

        follower, self._follower = self._follower, None
        assert follower is not None, "begin() comes before finish()"
        media = inputs.clip.media
        cuts = inputs.results.get("cut_analysis")
        frame = _layout.Frame(
            float(media.width_px),
            float(media.height_px),
            media.duration_s,
            None if cuts is None else tuple((s.start_s, s.end_s) for s in cuts.segments if hasattr(s, "kind")),
        )
        lines = _layout.merge_lines([read_line(line, self._scale) for line in follower.finish(media.duration_s) if line.path])
        return make_result(lines, frame)

    def close(self) -> None:
        self._reader = self._follower = None


def read_line(line: object, scale: tuple[float, float]) -> ReadLine:
    """A finished line in px of the display picture."""
    from reelscope.analyzers.text_overlay._layout import ReadLine
    from reelscope.analyzers.text_overlay._line import Line

    assert isinstance(line, Line) and line.end_s is not None
    sx, sy = scale
    ink = line.ink
    whole = ink is not None and ink.extent[2] - ink.extent[0] >= EXTENT_MIN and abs(line.angle_deg) <= UPRIGHT_DEG
    extent = ink.extent if ink and whole else (0.0, 0.0, 1.0, 1.0)
    share = ink.extent[3] - ink.extent[1] if ink else INK_HEIGHT_SHARE
    return ReadLine(
        track_id=line.track_id,
        text=line.text,
        confidence=line.confidence,
        start_s=line.start_s,
        end_s=max(line.end_s, line.start_s),
        path=tuple((t, _within(box, extent, sx, sy)) for t, box in line.path),
        score=line.score,
        readings=len(line.readings),
        agreement=line.agreement,
        samples=line.visible,
        found_s=line.found_s,
        height_px=line.height_px * share * sy,
        ratio=line.ratio,
        angle_deg=line.angle_deg,
        travel=line.travel_px / max(1.0, line.height_px),
        surround_change=line.surround_change,
        pops=line.pops,
        text_rgb=ink.text if ink else None,
        ground_rgb=ink.ground if ink else None,
        contrast=ink.contrast if ink else None,
        flat=ink.text_spread if ink else None,
        ground_flat=ink.ground_spread if ink else None,
    )


def _within(box: Xyxy, extent: Xyxy, sx: float, sy: float) -> Xyxy:
    x0, y0, x1, y1 = box
    w, h = x1 - x0, y1 - y0
    return (x0 + extent[0] * w) * sx, (y0 + extent[1] * h) * sy, (x0 + extent[2] * w) * sx, (y0 + extent[3] * h) * sy


def make_result(lines: list[ReadLine], frame: Frame) -> TextOverlayResult:
    """The result from finished, merged lines."""
    from reelscope import timebase
    from reelscope.analyzers.text_overlay import _layout, _words

    believed = _layout.in_turn(_layout.without_parts([line for line in lines if _layout.accept(line)]))
    lost = [line for line in lines if _layout.unreadable(line, frame)]
    doubtful = [line for line in believed if lost and line.confidence < _layout.DOUBT_MIN]
    blocks = _layout.group([line for line in believed if line not in doubtful])
    segments = [_segment(block, frame) for block in blocks]
    tracks = [
        _track(s.track_id, block.path(), block.start_s, block.end_s, s.role, frame) for s, block in zip(segments, blocks, strict=True)
    ]
    tracks += [_track(line.track_id, line.path, line.start_s, line.end_s, "unreadable", frame) for line in lost + doubtful]
    with_text = [(s.start_s, s.end_s) for s in segments]
    overlaid = [s for s in segments if s.role != "scene_text"]
    contrasts = [s.contrast_ratio for s in overlaid if s.contrast_ratio is not None]
    roles = sorted({s.role for s in segments})
    summary = TextOverlaySummary(
        count=len(segments),
        by_role={role: sum(s.role == role for s in segments) for role in roles},
        characters=sum(_words.letters(s.text) for s in segments),
        text_s=timebase.total_s(with_text),
        text_share=timebase.coverage(with_text, frame.duration_s),
        overlay_s=timebase.total_s((s.start_s, s.end_s) for s in overlaid),
        unreadable_lines=len(lost) + len(doubtful),
        lowest_contrast_ratio=min(contrasts) if contrasts else None,
    )
    warnings = []
    if count := len(lost) + len(doubtful):
        warnings.append(
            f"lines of writing that could not be read with certainty, left out of the segments (tracks labelled 'unreadable'): {count}; "
            "the recogniser reads Latin, Chinese and Japanese, not Cyrillic, Greek, Korean or Arabic"
        )
    return TextOverlayResult(segments=list(segments), tracks=tracks, summary=summary, warnings=warnings)


def _segment(block: Block, frame: Frame) -> TextSegment:
    from reelscope.analyzers.text_overlay import _layout
    from reelscope.analyzers.text_overlay._ink import hex_of

    role, evidence = _layout.block_role(block, frame)
    inked = next((line for line in sorted(block.lines, key=lambda each: -each.height_px) if line.text_rgb and line.ground_rgb), None)
    return TextSegment(
        start_s=block.start_s,
        end_s=block.end_s,
        confidence=min(1.0, min(line.confidence for line in block.lines)),
        text=block.text,
        lines=[line.text for line in block.lines],
        role=role,
        role_evidence=list(evidence),
        track_id=min(line.track_id for line in block.lines),
        xywh_norm=_norm(block.box, frame),
        line_height_px=block.height_px,
        line_height_share=block.height_px / frame.height_px,
        tilt_deg=block.lines[0].angle_deg,
        text_colour=hex_of(inked.text_rgb) if inked and inked.text_rgb else None,
        background_colour=hex_of(inked.ground_rgb) if inked and inked.ground_rgb else None,
        contrast_ratio=inked.contrast if inked else None,
    )


def _norm(box: tuple[float, float, float, float], frame: Frame) -> XywhNorm:
    x0, x1 = (min(1.0, max(0.0, v / frame.width_px)) for v in (box[0], box[2]))
    y0, y1 = (min(1.0, max(0.0, v / frame.height_px)) for v in (box[1], box[3]))
    return round(x0, 4), round(y0, 4), round(x1 - x0, 4), round(y1 - y0, 4)


def _track(track_id: int, path: object, start_s: float, end_s: float, label: str, frame: Frame) -> Track:
    points = []
    last_s = float("-inf")
    for t, box in path:  # type: ignore[attr-defined]
        if t - last_s >= POINT_GAP_S:
            points.append({"t_s": t, "xywh_norm": _norm(box, frame)})
            last_s = t
    return Track.model_validate({"track_id": track_id, "start_s": start_s, "end_s": end_s, "label": label, "points": points})


ANALYZER = TextOverlay
