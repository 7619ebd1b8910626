"""Hand-made documents: a full one with every status, an empty one, and keyframes for them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

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
    ran = {"requested": True, "coverage": 1.0, "backend": "embedded-cpu", "tier": "embedded", "device": "cpu", "version": 1, "seconds": 0.4, "attempts": 1}
    base: dict[str, Any] = ran if status == "ok" else {"requested": status != "skipped"}
    return AnalyzerEntry.model_validate({**base, "status": status, **fields})


def wave(name: str, unit: str, duration_s: float, low: float, high: float, *, rate: float = 10, holes: tuple[tuple[float, float], ...] = (), turns: float = 9) -> Series:
    """A smooth series between two values, null inside the holes."""
    t_s = [round(i / rate, 6) for i in range(int(duration_s * rate))]
    middle, swing = (low + high) / 2, (high - low) / 2
    values = [
        None if any(a <= t < b for a, b in holes) else middle + swing * (0.7 * math.sin(turns * t / duration_s * math.tau) + 0.3 * math.sin(3.7 * turns * t / duration_s * math.tau + 1))
        for t in t_s
    ]
    return Series(name=name, unit=unit, t_s=t_s, values=values)


EDGES = (0.0, 2.4, 5.1, 7.266667, 10.8, 13.4, 16.9, 20.133333, 24.0)
PALETTES = (
    (("#1f2a44", 0.46, "midnight blue"), ("#c98b5a", 0.24, "copper"), ("#efe3d0", 0.2, "linen"), ("#7a3b2e", 0.1, "rust")),
    (("#e8e2d6", 0.5, "bone"), ("#5b7f95", 0.3, "steel blue"), ("#2c3a3f", 0.2, "charcoal")),
    (("#0e1116", 0.62, "black"), ("#d4483b", 0.22, "vermilion"), ("#f2c14e", 0.16, "saffron")),
    (("#9dbf8f", 0.41, "sage"), ("#35513f", 0.33, "forest green"), ("#dfe8d8", 0.26, "mint")),
)


def _palette(i: int) -> list[Swatch]:
    return [Swatch(hex=h, share=s, name=n) for h, s, n in PALETTES[i % len(PALETTES)]]


def _shots() -> list[ShotRow]:
    kinds = (None, ("cut", None, 0), ("cut", None, 0), ("dissolve", None, 0.466667), ("cut", None, 0), ("wipe", "left", 0.6), ("cut", None, 0), ("fade", "black", 0.8))
    moves = ("static", "pan_left", "zoom_in", "handheld", "tilt_up", "static", "pan_right", "zoom_out")
    texts = (["Three things nobody tells you"], ["1. Light first"], [], ["2. Move the camera"], [], ["3. Sound is half", "@studio.north"], [], ["Follow for part two"])
    rows = []
    for i, (start, end) in enumerate(zip(EDGES, EDGES[1:], strict=False)):
        kind = kinds[i]
        rows.append(
            ShotRow(
                index=i,
                start_s=start,
                end_s=end,
                transition_in=None if kind is None else ShotTransition(kind=kind[0], variant=kind[1], start_s=start - kind[2] / 2, end_s=start + kind[2] / 2, jump_cut=i == 2),
                keyframe_s=(start + end) / 2,
                keyframe=f"keyframes/shot-{i:03d}.jpg",
                size=("close_up", "medium", None, "wide")[i % 4],
                camera=ShotCamera(move=moves[i], components=[moves[i], "roll"] if i == 3 else [moves[i]], speed_fw_s=0.14 if moves[i].startswith(("pan", "tilt")) else 0.0, zoom_rate_s=0.08 if "zoom" in moves[i] else 0.0, shake=0.02),
                text=texts[i],
                speech_share=None if i == 6 else (0.0 if i == 2 else 0.78),
                palette=_palette(i),
                loudness_lufs=None if i == 2 else -15.2 + i / 2,
                sharpness=None if i == 4 else 0.42 + i / 20,
                scene=i // 3,
            )
        )
    return rows


def _media(**changes: Any) -> MediaInfo:
    base: dict[str, Any] = {
        "container": "mp4", "duration_s": 24.0, "duration_header_s": 24.033, "duration_decoded_s": 24.0, "width_px": 1080, "height_px": 1920, "coded_width_px": 1920, "coded_height_px": 1080,
        "rotation_deg": 90, "fps": 29.97, "vfr": True, "codec": "hevc", "pixel_format": "yuv420p10le", "bit_depth": 10, "hdr": "hlg", "bit_rate_bps": 8_420_000, "size_bytes": 25_262_144,
        "frames_decoded": 719, "decode_errors": 2, "missing_s": 0.033, "audio_streams": 1, "warnings": ["a second video stream (320 x 180) was left out"],
        "audio": AudioInfo(codec="aac", rate_hz=48000, channels=2, layout="stereo", start_s=0.0, duration_s=24.0, bit_rate_bps=128_000),
    }  # fmt: skip
    return MediaInfo.model_validate({**base, **changes})


def _source() -> SourceInfo:
    return SourceInfo(path="/clips/Three things nobody tells you (final v7).mp4", sha256=SHA)


def _run() -> RunInfo:
    return RunInfo(version="0.1.0", seconds=7.42, realtime_factor=0.309, tier="embedded", device="cpu", passes=1, phases={"probe": 0.05, "load": 0.91, "decode": 1.8, "feed": 3.9, "finish": 0.6, "merge": 0.12}, peak_rss_mib=612.4)


def full_document() -> Document:
    """A clip of 24 s in which every status occurs and every kind of result does."""
    whole = 24.0
    speech = [(0.31, 2.2), (2.62, 4.9), (7.4, 10.5), (11.0, 13.1), (13.9, 16.6), (20.4, 23.1)]
    pauses = [(b, c) for (_, b), (c, _) in zip(speech, speech[1:], strict=False)]
    moves = ("static", "pan_left", "zoom_in", "handheld", "tilt_up", "static", "pan_right", "zoom_out")
    texts = [
        (0.2, 2.3, "Three things nobody tells you", "title", "#ffffff", 14.2), (2.5, 5.0, "1. Light first", "caption", "#f2c14e", 8.1), (7.5, 10.6, "2. Move the camera", "caption", "#f2c14e", 6.7),
        (13.5, 16.8, "3. Sound is half", "caption", "#f2c14e", None), (0.0, 24.0, "@studio.north", "watermark", "#e8e2d6", 2.1), (20.3, 23.9, "Follow for part two", "call_to_action", "#ffffff", 11.0), (17.2, 19.0, "出口 Выход", "scene_text", "#d4483b", 3.4),
    ]  # fmt: skip
    found: dict[str, AnalyzerEntry] = {
        "cut_analysis": entry(
            seconds=0.82,
            segments=[Segment.model_validate(s) for s in (
                {"start_s": 2.4, "end_s": 2.4, "confidence": 0.99, "kind": "cut", "variant": None, "jump_cut": False},
                {"start_s": 5.1, "end_s": 5.1, "confidence": 0.83, "kind": "cut", "variant": None, "jump_cut": True},
                {"start_s": 7.033333, "end_s": 7.5, "confidence": 0.91, "kind": "dissolve", "variant": None, "jump_cut": False},
                {"start_s": 10.8, "end_s": 10.8, "confidence": 1.0, "kind": "cut", "variant": None, "jump_cut": False},
                {"start_s": 13.1, "end_s": 13.7, "confidence": 0.88, "kind": "wipe", "variant": "left", "jump_cut": False},
                {"start_s": 16.9, "end_s": 16.9, "confidence": 0.97, "kind": "cut", "variant": None, "jump_cut": False},
                {"start_s": 19.733333, "end_s": 20.533333, "confidence": 0.95, "kind": "fade", "variant": "black", "jump_cut": False},
            )],
            summary=Summary.model_validate({"shots": 8, "cuts_per_min": 17.5, "median_shot_s": 2.966667, "kinds": {"cut": 4, "dissolve": 1, "wipe": 1, "fade": 1}}),
        ),
        "camera_analysis": entry(
            segments=[Segment.model_validate({"start_s": a, "end_s": b, "confidence": 0.9, "move": moves[i], "components": [moves[i]], "speed_fw_s": 0.14, "zoom_rate_s": None, "shake": 0.02}) for i, (a, b) in enumerate(zip(EDGES, EDGES[1:], strict=False))],
            series=[wave("speed_fw_s", "frame widths/s", whole, 0, 0.4), wave("zoom_rate_s", "ln/s", whole, -0.1, 0.1), wave("shake", "1", whole, 0, 0.05)],
            summary=Summary.model_validate({"static_share": 0.31, "shake_mean": 0.021}),
        ),
        "scene_segmentation": entry(segments=[Segment.model_validate({"start_s": EDGES[a], "end_s": EDGES[b], "index": n, "shots": list(range(a, b)), "evidence": {"colour": 0.81, "layout": 0.66}}) for n, (a, b) in enumerate(((0, 3), (3, 6), (6, 8)))], summary=Summary.model_validate({"scenes": 3})),
        "color_analysis": entry(
            segments=[Segment.model_validate({"start_s": a, "end_s": b, "shot": i, "palette": [s.model_dump() for s in _palette(i)], "brightness": 0.42, "saturation": 0.3}) for i, (a, b) in enumerate(zip(EDGES, EDGES[1:], strict=False))],
            series=[wave("brightness", "L", whole, 0.2, 0.7, rate=4), wave("saturation", "1", whole, 0.1, 0.5, rate=4), wave("contrast", "1", whole, 0.3, 0.5, rate=4)],
            summary=Summary.model_validate({"palette": [{"hex": h, "share": s, "name": n} for h, s, n in (("#1f2a44", 0.31, "midnight blue"), ("#e8e2d6", 0.24, "bone"), ("#0e1116", 0.17, "black"), ("#9dbf8f", 0.13, "sage"), ("#c98b5a", 0.09, "copper"), ("#d4483b", 0.06, "vermilion"))], "brightness_mean": 0.44, "temperature_k": 5230, "harmony": "complementary", "harmony_fit": None, "reasons": {"harmony_fit": "fewer than two hues are saturated"}}),
        ),
        "content_quality": entry(
            segments=[Segment.model_validate({"start_s": a, "end_s": b, "kind": "shot", "shot": i, "sharpness": 0.5, "noise": 0.01, "reasons": ["slightly_soft"] if i == 4 else []}) for i, (a, b) in enumerate(zip(EDGES, EDGES[1:], strict=False))] + [Segment.model_validate({"start_s": 20.0, "end_s": 20.3, "kind": "black"}), Segment.model_validate({"start_s": 15.0, "end_s": 16.0, "kind": "frozen"})],
            series=[wave("sharpness", "1", whole, 0.3, 0.8, rate=1), wave("exposure", "EV", whole, -0.8, 0.6, rate=1)],
        ),
        "text_overlay": entry(
            seconds=3.1,
            models=[ModelInfo(id="PP-OCRv6-small-rec", revision="rapidocr 3.10", sha256=SHA, licence="Apache-2.0")],
            segments=[Segment.model_validate({"start_s": a, "end_s": b, "confidence": 0.97, "track_id": n, "text": t, "role": r, "xywh_norm": [0.1, 0.08 + 0.1 * n, 0.8, 0.07], "text_colour": c, "background_colour": "#101014", "contrast_ratio": k}) for n, (a, b, t, r, c, k) in enumerate(texts)],
            tracks=[Track(track_id=n, start_s=a, end_s=b, label=t, points=[TrackPoint(t_s=a, xywh_norm=(0.1, 0.2, 0.8, 0.07))]) for n, (a, b, t, *_) in enumerate(texts)],
            warnings=["one line in an unsupported script was left out"],
            options={"fps": 5.0},
        ),
        "audio_analysis": entry(
            segments=[Segment.model_validate({"start_s": t / 4, "end_s": t / 4, "kind": "beat", "downbeat": t % 4 == 0}) for t in range(2, 94, 2)] + [Segment.model_validate({"start_s": 18.9, "end_s": 20.2, "kind": "silence"}), Segment.model_validate({"start_s": 9.0, "end_s": 9.02, "kind": "clipping"})],
            series=[wave("momentary_lufs", "LUFS", whole, -31, -11, holes=((19.0, 20.2),), turns=14), wave("short_term_lufs", "LUFS", whole, -24, -13, rate=2, holes=((0, 1.5), (22.5, 24)), turns=5), wave("rms_db", "dBFS", whole, -40, -12, turns=21), wave("centroid_hz", "Hz", whole, 800, 3800)],
            summary=Summary.model_validate({"integrated_lufs": -14.3, "loudness_range_lu": 6.2, "true_peak_dbtp": -0.4, "tempo_bpm": 120.1, "key": None, "key_confidence": None, "reasons": {"key": "no key stands out: best correlation 0.41 of the 0.6 demanded"}}),
        ),
        "speech_flow": entry(
            segments=[Segment.model_validate({"start_s": a, "end_s": b, "kind": "speech", "rate_syllables_per_s": 4.1, "pitch_median_hz": 182.0}) for a, b in speech] + [Segment.model_validate({"start_s": a, "end_s": b, "kind": "pause"}) for a, b in pauses],
            series=[wave("pitch_hz", "Hz", whole, 130, 260, holes=tuple(pauses), turns=17), wave("energy_db", "dB", whole, -38, -14)],
            summary=Summary.model_validate({"speech_share": 0.586, "pitch_median_hz": 181.4, "speech_rate_syllables_per_s": 4.2, "pauses": 5}),
        ),
        "object_detection": entry(
            tier="compact", backend="yolox-nano", seconds=2.2, coverage=0.96,
            models=[ModelInfo(id="yolox-nano", sha256=SHA, licence="Apache-2.0")],
            tracks=[Track(track_id=n, start_s=a, end_s=b, label=w, points=[TrackPoint(t_s=a, xywh_norm=(0.2, 0.2, 0.5, 0.6))]) for n, (a, b, w) in enumerate(((0, 7, "person"), (7.3, 13, "person"), (2, 9, "cup"), (8.5, 9.5, "laptop"), (13.4, 24, "person"), (14, 22, "microphone"), (15, 21, "chair"), (15.5, 20, "plant"), (16, 19, "lamp")))],
            sidecars=[Sidecar(file="objects.jsonl", sha256=SHA, count=2157)],
        ),
        "eye_tracking": entry(segments=[]),
        "temporal_flow": entry(segments=[Segment.model_validate({"start_s": 0, "end_s": 2.4, "kind": "hook", "evidence": ["title text", "face"]}), Segment.model_validate({"start_s": 20.1, "end_s": 24, "kind": "call_to_action", "evidence": ["follow"]})], summary=Summary.model_validate({"turn": "not_found"})),
        "qwen2_vl_temporal": entry("unavailable", reason="no usable backend", hint="reelscope models pull qwen2-vl-7b (16.6 GB, Apache-2.0; needs a GPU with 18 GiB)"),
        "background_segmentation": entry("unavailable", reason="not part of this release"),
        "body_pose": entry("unavailable", reason="not part of this release"),
        "age_estimation": entry("skipped", reason="not asked for (--only)"),
        "speech_transcription": entry("unavailable", reason="no usable backend", hint="reelscope models pull whisper-base (145 MB, MIT)"),
        "audio_environment": entry("failed", code="model_load_failed", reason="yamnet.onnx does not match its sha256", hint="reelscope models verify --repair yamnet", attempts=2, seconds=0.2),
        "speech_emotion": entry("timeout", code="window_timeout", reason="no answer within 60 s for the window at 12.0 s", hint="reelscope analyze --only speech_emotion --option speech_emotion.batch=1", attempts=2, seconds=120.0),
        "cross_analyzer_intelligence": entry("failed", code="dependency_failed", reason="audio_environment failed"),
    }  # fmt: skip
    found["age_estimation"] = entry("not_applicable", reason="no face was found in the clip")
    found["body_pose"] = entry("skipped", reason="not asked for", hint="reelscope analyze --only body_pose")
    return Document(
        analysis_id="a-20261123-7f3c",
        created_at=datetime(2026, 11, 23, 18, 0, tzinfo=UTC),
        source=_source(),
        media=_media(),
        run=_run(),
        shots=_shots(),
        analyzers={name: found[name] for name in ANALYZER_NAMES},
        insights={"cuts_on_beats": {"share": 0.57, "tolerance_s": 0.05, "cuts": 4}},
    )


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
        media=_media(duration_s=3.0, duration_decoded_s=3.0, missing_s=0.0, decode_errors=0, warnings=[], width_px=1280, height_px=720, vfr=False, hdr=None, rotation_deg=0, fps=25.0, audio=None, audio_streams=0),
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
    """A picture for every shot, in the colours of its palette."""
    wide = (document.media.width_px or 16) >= (document.media.height_px or 9)
    out = {}
    for shot in document.shots:
        colours = [tuple(bytes.fromhex(s.hex[1:])) for s in shot.palette] or [(80, 80, 90), (160, 160, 170)]
        if shot.keyframe:
            out[shot.keyframe] = jpeg(320 if wide else 180, 180 if wide else 320, colours[0], colours[-1])
    return out
