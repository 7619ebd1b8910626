"""Hand-made documents: a full one with every status, an empty one, and keyframes for them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from reelscope.document.evidence import Evidence
from reelscope.document.insights import measure_insights
from reelscope.document.names import ANALYZER_NAMES
from reelscope.document.schema import (
    AnalyzerEntry,
    AudioInfo,
    Document,
    MediaInfo,
    ModelInfo,
    RunInfo,
    Segment,
    Series,
    ShotCamera,
    ShotRow,
    ShotTransition,
    Sidecar,
    SourceInfo,
    Summary,
    Swatch,
    Track,
    TrackPoint,
)

__all__ = ["empty_document", "entry", "full_document", "jpeg", "keyframes_of"]

SHA = "9f2c" * 16


def entry(status: str = "ok", **fields: Any) -> AnalyzerEntry:
    """An entry with what the engine would add for this status."""
    ran = {
        "requested": True,
        "coverage": 1.0,
        "backend": "embedded-cpu",
        "tier": "embedded",
        "device": "cpu",
        "version": 1,
        "seconds": 0.4,
        "attempts": 1,
    }
    base: dict[str, Any] = ran if status == "ok" else {"requested": status != "skipped"}
    return AnalyzerEntry.model_validate({**base, "status": status, **fields})


def wave(
    name: str,
    unit: str,
    duration_s: float,
    low: float,
    high: float,
    *,
    rate: float = 10,
    holes: Iterable[tuple[float, float]] = (),
    turns: float = 9,
) -> Series:
    """A smooth series between two values, null inside the holes, with the digits that a document keeps."""
    t_s = [round(i / rate, 6) for i in range(int(duration_s * rate))]
    middle, swing = (low + high) / 2, (high - low) / 2

    def value(t: float) -> float | None:
        if any(a <= t < b for a, b in holes):
            return None
        phase = turns * t / duration_s * math.tau
        return float(f"{middle + swing * (0.7 * math.sin(phase) + 0.3 * math.sin(3.7 * phase + 1)):.5g}")

    return Series(name=name, unit=unit, t_s=t_s, values=[value(t) for t in t_s])


def seg(start_s: float, end_s: float, **fields: Any) -> Segment:
    """A segment as it is read back from JSON: typed fields as extras."""
    return Segment.model_validate({"start_s": start_s, "end_s": end_s, **fields})


def summary(**fields: Any) -> Summary:
    return Summary.model_validate(fields)


EDGES = (0.0, 2.4, 5.1, 7.266667, 10.8, 13.4, 16.9, 20.133333, 24.0)
SPANS = tuple(zip(EDGES, EDGES[1:], strict=False))
MOVES = ("static", "pan_left", "zoom_in", "handheld", "tilt_up", "static", "pan_right", "zoom_out")
SPEECH = ((0.31, 2.2), (2.62, 4.9), (7.4, 10.5), (11.0, 13.1), (13.9, 16.6), (20.4, 23.1))
PAUSES = tuple((b, c) for (_, b), (c, _) in zip(SPEECH, SPEECH[1:], strict=False))
TRANSITIONS = (
    ("cut", None, 2.4, 2.4, 0.99, False),
    ("cut", None, 5.1, 5.1, 0.83, True),
    ("dissolve", None, 7.033333, 7.5, 0.91, False),
    ("cut", None, 10.8, 10.8, 1.0, False),
    ("wipe", "left", 13.1, 13.7, 0.88, False),
    ("cut", None, 16.9, 16.9, 0.97, False),
    ("fade", "black", 19.733333, 20.533333, 0.95, False),
)
TEXTS = (
    (0.2, 2.3, "Three things nobody tells you", "title", "#ffffff", 14.2),
    (2.5, 5.0, "1. Light first", "caption", "#f2c14e", 8.1),
    (7.5, 10.6, "2. Move the camera", "caption", "#f2c14e", 6.7),
    (13.5, 16.8, "3. Sound is half", "caption", "#f2c14e", None),
    (0.0, 24.0, "@studio.north", "watermark", "#e8e2d6", 2.1),
    (20.3, 23.9, "Follow for part two", "sticker", "#ffffff", 11.0),
    (17.2, 19.0, "出口 Выход", "scene_text", "#d4483b", 3.4),
)
OBJECTS = (
    (0, 7, "person"),
    (7.3, 13, "person"),
    (2, 9, "cup"),
    (8.5, 9.5, "laptop"),
    (13.4, 24, "person"),
    (14, 22, "microphone"),
    (15, 21, "chair"),
    (15.5, 20, "plant"),
    (16, 19, "lamp"),
)
PALETTES = (
    (("#1f2a44", 0.46, "midnight blue"), ("#c98b5a", 0.24, "copper"), ("#efe3d0", 0.2, "linen"), ("#7a3b2e", 0.1, "rust")),
    (("#e8e2d6", 0.5, "bone"), ("#5b7f95", 0.3, "steel blue"), ("#2c3a3f", 0.2, "charcoal")),
    (("#0e1116", 0.62, "black"), ("#d4483b", 0.22, "vermilion"), ("#f2c14e", 0.16, "saffron")),
    (("#9dbf8f", 0.41, "sage"), ("#35513f", 0.33, "forest green"), ("#dfe8d8", 0.26, "mint")),
)
WHOLE_PALETTE = (("#1f2a44", 0.31, "midnight blue"), ("#e8e2d6", 0.24, "bone"), ("#0e1116", 0.17, "black"), ("#9dbf8f", 0.13, "sage"))


def swatches(colours: Iterable[tuple[str, float, str]]) -> list[Swatch]:
    return [Swatch(hex=h, share=s, name=n) for h, s, n in colours]


def _shots() -> list[ShotRow]:
    rows = []
    for i, (start, end) in enumerate(SPANS):
        entered = None
        if i:
            kind, variant, from_s, to_s, _, jump = TRANSITIONS[i - 1]
            entered = ShotTransition(kind=kind, variant=variant, start_s=from_s, end_s=to_s, jump_cut=jump)
        rows.append(
            ShotRow(
                index=i,
                start_s=start,
                end_s=end,
                transition_in=entered,
                keyframe_s=(start + end) / 2,
                keyframe=f"keyframes/shot-{i:03d}.jpg",
                size=("close_up", "medium", None, "wide")[i % 4],
                camera=ShotCamera(
                    move=MOVES[i],
                    components=[MOVES[i], "roll"] if i == 3 else [MOVES[i]],
                    speed_fw_s=0.14 if MOVES[i].startswith(("pan", "tilt")) else 0.0,
                    zoom_rate_s=0.08 if "zoom" in MOVES[i] else 0.0,
                    shake=0.02,
                ),
                text=[t for a, b, t, role, *_ in TEXTS if role != "watermark" and a < end and b > start],
                speech_share=None if i == 6 else (0.0 if i == 2 else 0.78),
                palette=swatches(PALETTES[i % 4]),
                loudness_lufs=None if i == 2 else -15.2 + i / 2,
                sharpness=None if i == 4 else 0.42 + i / 20,
                scene=i // 3,
            )
        )
    return rows


def _media(**changes: Any) -> MediaInfo:
    base: dict[str, Any] = {
        "container": "mp4",
        "duration_s": 24.0,
        "duration_header_s": 24.033,
        "duration_decoded_s": 24.0,
        "missing_s": 0.033,
        "width_px": 1080,
        "height_px": 1920,
        "coded_width_px": 1920,
        "coded_height_px": 1080,
        "rotation_deg": 90,
        "fps": 29.97,
        "vfr": True,
        "codec": "hevc",
        "pixel_format": "yuv420p10le",
        "bit_depth": 10,
        "hdr": "hlg",
        "bit_rate_bps": 8_420_000,
        "size_bytes": 25_262_144,
        "frames_decoded": 719,
        "decode_errors": 2,
        "audio_streams": 1,
        "audio": AudioInfo(codec="aac", rate_hz=48000, channels=2, layout="stereo", start_s=0.0, duration_s=24.0, bit_rate_bps=128_000),
        "warnings": ["a second video stream (320 x 180) was left out"],
    }
    return MediaInfo.model_validate({**base, **changes})


def _source() -> SourceInfo:
    return SourceInfo(path="/clips/Three things nobody tells you (final v7).mp4", sha256=SHA)


def _run() -> RunInfo:
    return RunInfo(
        version="0.1.0",
        seconds=7.42,
        realtime_factor=0.309,
        tier="embedded",
        device="cpu",
        passes=1,
        phases={"probe": 0.05, "load": 0.91, "decode": 1.8, "feed": 3.9, "finish": 0.6, "merge": 0.12},
        peak_rss_mib=612.4,
    )


def _picture(whole: float) -> dict[str, AnalyzerEntry]:
    return {
        "cut_analysis": entry(
            seconds=0.82,
            segments=[seg(a, b, confidence=c, kind=k, variant=v, jump_cut=j) for k, v, a, b, c, j in TRANSITIONS],
            summary=summary(shots=8, cuts_per_min=17.5, median_shot_s=2.966667, kinds={"cut": 4, "dissolve": 1, "wipe": 1, "fade": 1}),
        ),
        "camera_analysis": entry(
            segments=[
                seg(a, b, confidence=0.9, move=MOVES[i], components=[MOVES[i]], speed_fw_s=0.14, zoom_rate_s=None, shake=0.02)
                for i, (a, b) in enumerate(SPANS)
            ],
            series=[
                wave("speed_fw_s", "frame widths/s", whole, 0, 0.4),
                wave("zoom_rate_s", "ln/s", whole, -0.1, 0.1),
                wave("shake", "1", whole, 0, 0.05),
            ],
            summary=summary(static_share=0.31, shake_mean=0.021),
        ),
        "scene_segmentation": entry(
            segments=[
                seg(EDGES[a], EDGES[b], index=n, shots=list(range(a, b)), evidence={"colour": 0.81, "layout": 0.66})
                for n, (a, b) in enumerate(((0, 3), (3, 6), (6, 8)))
            ],
            summary=summary(scenes=3),
        ),
        "color_analysis": entry(
            segments=[
                seg(a, b, shot=i, palette=[s.model_dump() for s in swatches(PALETTES[i % 4])], brightness=0.42)
                for i, (a, b) in enumerate(SPANS)
            ],
            series=[wave(n, "1", whole, 0.2, 0.7, rate=4) for n in ("brightness", "saturation", "contrast")],
            summary=summary(
                palette=[s.model_dump() for s in swatches(WHOLE_PALETTE)],
                brightness_mean=0.44,
                temperature_k=5230,
                harmony="complementary",
                harmony_fit=None,
                reasons={"harmony_fit": "fewer than two hues are saturated"},
            ),
        ),
        "content_quality": entry(
            segments=[
                *(
                    seg(a, b, kind="shot", shot=i, sharpness=0.5, reasons=["slightly_soft"] if i == 4 else [])
                    for i, (a, b) in enumerate(SPANS)
                ),
                seg(20.0, 20.3, kind="black"),
                seg(15.0, 16.0, kind="frozen"),
            ],
            series=[wave("sharpness", "1", whole, 0.3, 0.8, rate=1), wave("exposure", "EV", whole, -0.8, 0.6, rate=1)],
        ),
        "text_overlay": entry(
            seconds=3.1,
            models=[ModelInfo(id="PP-OCRv6-small-rec", revision="rapidocr 3.10", sha256=SHA, licence="Apache-2.0")],
            segments=[
                seg(
                    a,
                    b,
                    confidence=0.97,
                    track_id=n,
                    text=t,
                    role=r,
                    xywh_norm=[0.1, 0.08 + 0.1 * n, 0.8, 0.07],
                    text_colour=c,
                    background_colour="#101014",
                    contrast_ratio=k,
                )
                for n, (a, b, t, r, c, k) in enumerate(TEXTS)
            ],
            tracks=[_track(n, a, b, t) for n, (a, b, t, *_) in enumerate(TEXTS)],
            warnings=["one line in an unsupported script was left out"],
            options={"fps": 5.0},
        ),
        "object_detection": entry(
            tier="compact",
            backend="yolox-nano",
            seconds=2.2,
            coverage=0.96,
            models=[ModelInfo(id="yolox-nano", sha256=SHA, licence="Apache-2.0")],
            tracks=[_track(n, a, b, w) for n, (a, b, w) in enumerate(OBJECTS)],
            sidecars=[Sidecar(file="objects.jsonl", sha256=SHA, count=2157)],
        ),
        "eye_tracking": entry(segments=[]),
    }


def _track(track_id: int, start_s: float, end_s: float, label: str) -> Track:
    points = [TrackPoint(t_s=start_s, xywh_norm=(0.1, 0.2, 0.8, 0.07))]
    return Track(track_id=track_id, start_s=start_s, end_s=end_s, label=label, points=points)


def _sound(whole: float) -> dict[str, AnalyzerEntry]:
    return {
        "audio_analysis": entry(
            segments=[
                *(seg(t / 4, t / 4, kind="beat", downbeat=t % 4 == 0) for t in range(2, 94, 2)),
                seg(18.9, 20.2, kind="silence"),
                seg(9.0, 9.02, kind="clipping"),
            ],
            series=[
                wave("momentary_lufs", "LUFS", whole, -31, -11, holes=((19.0, 20.2),), turns=14),
                wave("short_term_lufs", "LUFS", whole, -24, -13, rate=2, holes=((0, 1.5), (22.5, 24)), turns=5),
                wave("rms_dbfs", "dBFS", whole, -40, -12, turns=21),
                wave("centroid_hz", "Hz", whole, 800, 3800),
            ],
            summary=summary(
                integrated_lufs=-14.3,
                loudness_range_lu=6.2,
                true_peak_dbtp=-0.4,
                tempo_bpm=120.1,
                key=None,
                not_measured={"key": "no key stands out: best correlation 0.41 of the 0.6 demanded"},
            ),
        ),
        "speech_flow": entry(
            segments=[
                *(seg(a, b, kind="speech", syllables_per_s=4.1, pitch_median_hz=182.0) for a, b in SPEECH),
                *(seg(a, b, kind="pause") for a, b in PAUSES),
            ],
            series=[
                wave("pitch_hz", "Hz", whole, 130, 260, holes=PAUSES, turns=17),
                wave("energy_db", "dB", whole, -38, -14),
            ],
            summary=summary(speech_share=0.586, pitch_median_hz=181.4, syllables_per_s=4.2, pauses=5),
        ),
        "temporal_flow": entry(
            segments=[
                seg(0, 2.4, kind="hook", evidence=["title text", "face"]),
                seg(20.1, 24, kind="call_to_action", evidence=["follow"]),
            ],
            summary=summary(turn="not_found"),
        ),
    }


def _gaps() -> dict[str, AnalyzerEntry]:
    return {
        "qwen2_vl_temporal": entry(
            "unavailable",
            reason="no usable backend",
            hint="reelscope models pull qwen2-vl-7b (16.6 GB, Apache-2.0; needs a GPU with 18 GiB)",
        ),
        "background_segmentation": entry("unavailable", reason="not part of this release"),
        "body_pose": entry("skipped", reason="not asked for", hint="reelscope analyze --only body_pose"),
        "age_estimation": entry("not_applicable", reason="no face was found in the clip"),
        "speech_transcription": entry("unavailable", reason="no usable backend", hint="reelscope models pull whisper-base (145 MB, MIT)"),
        "audio_environment": entry(
            "failed",
            code="model_load_failed",
            reason="yamnet.onnx does not match its sha256",
            hint="reelscope models verify --repair yamnet",
            attempts=2,
            seconds=0.2,
        ),
        "speech_emotion": entry(
            "timeout",
            code="window_timeout",
            reason="no answer within 60 s for the window at 12.0 s",
            hint="reelscope analyze --only speech_emotion --option speech_emotion.batch=1",
            attempts=2,
            seconds=120.0,
        ),
        "cross_analyzer_intelligence": entry("failed", code="dependency_failed", reason="audio_environment failed"),
    }


def full_document() -> Document:
    """A clip of 24 s in which every status occurs and every kind of result does."""
    whole = 24.0
    found = _picture(whole) | _sound(whole) | _gaps()
    document = Document(
        analysis_id="a-20261123-7f3c",
        created_at=datetime(2026, 11, 23, 18, 0, tzinfo=UTC),
        source=_source(),
        media=_media(),
        run=_run(),
        shots=_shots(),
        analyzers={name: found[name] for name in ANALYZER_NAMES},
    )
    document.insights = measure_insights(Evidence.of(document))
    return document


def empty_document() -> Document:
    """A clip without sound, speech or text: one shot, every analyzer either found nothing or could not run."""
    found = {name: entry("unavailable", reason="not part of this release") for name in ANALYZER_NAMES}
    for name in ("cut_analysis", "text_overlay", "content_quality", "color_analysis", "camera_analysis", "scene_segmentation"):
        found[name] = entry()
    for name in ("audio_analysis", "speech_flow"):
        found[name] = entry("not_applicable", reason="the clip has no sound track")
    return Document(
        analysis_id="a-empty",
        created_at=datetime(2026, 11, 23, tzinfo=UTC),
        source=_source(),
        media=_media(
            duration_s=3.0,
            duration_decoded_s=3.0,
            missing_s=0.0,
            decode_errors=0,
            warnings=[],
            width_px=1280,
            height_px=720,
            vfr=False,
            hdr=None,
            rotation_deg=0,
            fps=25.0,
            audio=None,
            audio_streams=0,
        ),
        run=RunInfo(version="0.1.0", seconds=None, realtime_factor=None, tier="embedded", device="cpu", passes=1),
        shots=[ShotRow(index=0, start_s=0.0, end_s=3.0)],
        analyzers=found,
    )


def jpeg(width: int, height: int, top: tuple[int, int, int], bottom: tuple[int, int, int]) -> bytes:
    """A JPEG that fades from one RGB colour to another."""
    import cv2
    import numpy as np

    share = np.linspace(0, 1, height)[:, None, None]
    rgb = np.asarray(top) * (1 - share) + np.asarray(bottom) * share
    picture = np.broadcast_to(rgb, (height, width, 3)).astype(np.uint8)[..., ::-1]
    return cv2.imencode(".jpg", np.ascontiguousarray(picture))[1].tobytes()


def keyframes_of(document: Document) -> dict[str, bytes]:
    """A picture for every shot, each another one."""
    wide = (document.media.width_px or 16) >= (document.media.height_px or 9)
    size = (320, 180) if wide else (180, 320)
    out = {}
    for i, shot in enumerate(document.shots):
        if shot.keyframe:
            a, b = ((bytes.fromhex(c[0][1:])) for c in (PALETTES[i % 4][0], PALETTES[i % 4][-1]))
            out[shot.keyframe] = jpeg(*size, (a[0], a[1], min(255, a[2] + 8 * i)), (b[0], b[1], b[2]))
    return out
