"""Clips that the benchmark analyses: real ones where they lie beside the checkout, else pieces of the demo reel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["BATCH", "SHARED_MEDIA", "batch_clips", "count_frames", "cut", "main_clip"]

SHARED_MEDIA = Path(__file__).resolve().parents[3] / "shared" / "media"

# Twenty clips of different kinds: tall, wide, square, tiny and full size, with and without sound, sound alone, cuts, text, faces, moves.
# Seconds from the start (None: all of it), so that all of them together last about 100 s and the part some minutes.
BATCH: tuple[tuple[str, float | None], ...] = (
    ("reel-a-1080x1920.mp4", 8.0),
    ("basketball-gym-two-players.mp4", 5.0),
    ("children-jumping-bed.mp4", None),
    ("cockatoo-close-up.mp4", 4.0),
    ("speech-en-jfk.flac", None),
    ("vertical-selfie-man-office.mp4", 5.0),
    ("coffee-pour-hands.mp4", 4.0),
    ("obama-statement-lower-third.mp4", None),
    ("shot-change-clock-cat.mp4", None),
    ("title-animation-bbb-30s.webm", 6.0),
    ("talking-woman-flag-512.mp4", 5.0),
    ("vertical-woman-lake-zoom-out.mp4", 5.0),
    ("stage-applause-handheld.mp4", 4.0),
    ("edited-beauty-captions-ru.mp4", None),
    ("vertical-drummer-rehearsal.mp4", 6.0),
    ("plane-zoom-out-fade-out.mp4", 5.0),
    ("dog-and-woman-driveway.mp4", 4.0),
    ("sound-esc50-dog.wav", None),
    ("cars-top-down.mp4", 5.0),
    ("scenedetect-fades-testvideo.mp4", 6.0),
)
DEMO_S = (3.0, 5.0, 2.0, 7.0, 4.0)  # lengths of pieces of the demo reel, in turn


def main_clip(given: Path | None, work: Path) -> Path:
    """The clip that everything is measured on: the one given, else reel-a, else the demo reel."""
    clip = given or SHARED_MEDIA / "reel-a-1080x1920.mp4"
    if not clip.is_file():
        if given is not None:
            raise SystemExit(f"{given} is not there")
        from reelscope.demo import render_demo

        clip = work / "demo.mp4"
        render_demo(clip)
    return clip


def batch_clips(work: Path, clip: Path, *, count: int = len(BATCH), media: Path = SHARED_MEDIA, most_s: float | None = None) -> list[Path]:
    """The first `count` clips of BATCH, cut to their lengths; pieces of `clip` where the real ones are not there.

    Args:
        most_s: Nothing longer than that, for a quick look.
    """
    wanted: Sequence[tuple[Path, float | None]] = [(media / name, seconds) for name, seconds in BATCH[:count]]
    if not all(path.is_file() for path, _ in wanted):
        wanted = [(clip, DEMO_S[i % len(DEMO_S)]) for i in range(count)]
    clips = []
    for i, (path, seconds) in enumerate(wanted):
        if most_s is not None and path.suffix in (".mp4", ".webm"):
            seconds = min(seconds or most_s, most_s)
        clips.append(path if seconds is None else cut(path, work / f"{i:02d}-{path.name}", seconds))
    return clips


def cut(source: Path, target: Path, seconds: float) -> Path:
    """Copy picture and sound of the first `seconds` without encoding again, to the last whole packet."""
    import av

    with av.open(str(source)) as given, av.open(str(target), "w") as out:
        tracks = [s for s in given.streams if s.type in ("video", "audio")]
        copies = {s.index: out.add_stream_from_template(s) for s in tracks}
        starts: dict[int, float] = {}
        for packet in given.demux(tracks):
            if packet.dts is None or packet.pts is None:
                continue
            at_s = float(packet.dts * packet.time_base)
            if at_s - starts.setdefault(packet.stream.index, at_s) >= seconds:
                continue
            packet.stream = copies[packet.stream.index]
            out.mux(packet)
    return target


def count_frames(clip: Path) -> int:
    """Frames of a clip, counted by decoding it."""
    import av

    with av.open(str(clip)) as container:
        container.streams.video[0].thread_type = "AUTO"
        return sum(1 for _ in container.decode(video=0))
