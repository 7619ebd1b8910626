"""Clips whose frames carry their number, documents of them, and a loopback server that gives ranges as a browser wants them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np

from reelscope.document.schema import Document, ShotRow
from reelscope.media.probe import probe
from tests.clips import remux, tone, write_clip
from tests.document.fixtures import empty_document

__all__ = ["FRAMES", "KINDS", "READ", "Numbered", "document_of", "frame_times", "numbered", "pattern", "serving"]

WIDTH, HEIGHT, BITS = 256, 128, 7
FRAMES = 90
NTSC = Fraction(30_000, 1001)
CODED = {"bf": "3", "g": "48"}  # B-frames, and few frames that can be decoded alone

READ = """() => {
  const video = document.querySelector("#video"), canvas = document.createElement("canvas");
  canvas.width = 256; canvas.height = 128;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(video, 0, 0, 256, 128);
  let n = 0;
  for (let bit = 0; bit < 7; bit++) if (pen.getImageData(bit * 32 + 16, 32, 1, 1).data[0] > 127) n |= 1 << bit;
  return n;
}"""
"""The number that the frame on the screen carries."""


def pattern(number: int) -> np.ndarray:
    """A frame with its number in bright and dark fields."""
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            frame[:64, bit * 32 : (bit + 1) * 32] = 255
    frame[64:] = number * 37 % 200 + 30
    return frame


def _varied() -> list[float]:
    steps = np.random.default_rng(1).choice([1 / 60, 1 / 30, 1 / 24, 0.1], FRAMES - 1)
    return [round(float(t), 5) for t in np.cumsum([0, *steps])]


def numbered(kind: str, folder: Path) -> Path:
    """A clip of FRAMES frames of one of KINDS."""
    frames = [pattern(n) for n in range(FRAMES)]
    path, plain = folder / f"{kind}.mp4", folder / "plain.mp4"
    match kind:
        case "30":
            return write_clip(path, frames, sound=tone(3.0), options=CODED)
        case "29.97":
            return write_clip(path, frames, fps=NTSC, sound=tone(3.0), options=CODED)
        case "vfr":  # as phones and screen recorders write it
            return write_clip(path, frames, times=_varied(), sound=tone(4.0), options={"bf": "0"})
        case "vfr, B-frames":
            return write_clip(path, frames, times=_varied(), sound=tone(4.0), options=CODED)
        case "late picture":
            return remux(write_clip(plain, frames, sound=tone(3.0), options=CODED), path, video_offset_s=0.4)
        case "begins at 2 s":
            return _moved(write_clip(plain, frames, options=CODED), path, 2)
        case _:
            return write_clip(path.with_suffix(".webm"), frames, fps=NTSC, codec="libvpx", options={"g": "30"})


KINDS = ("30", "29.97", "vfr", "vfr, B-frames", "late picture", "begins at 2 s", "webm")


def _moved(source: Path, target: Path, seconds: int) -> Path:
    with av.open(str(source)) as given, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(given.streams[0])
        for packet in given.demux():
            if packet.dts is not None and packet.pts is not None and packet.time_base is not None:
                ticks = int(seconds / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts + ticks, packet.dts + ticks, stream
                out.mux(packet)
    return target


def frame_times(clip: Path) -> list[float]:
    """Seconds of every frame on the clip's own clock, as the document gives them."""
    origin = probe(clip).origin
    with av.open(str(clip)) as container:
        times = [f.pts * f.time_base - origin for f in container.decode(video=0) if f.pts is not None and f.time_base is not None]
    return [round(float(t), 6) for t in sorted(times)]


def document_of(clip: Path, starts: Sequence[float] = ()) -> Document:
    """A document of what the clip is, with shots that begin at 0 and at `starts`."""
    media = probe(clip).media
    edges = [0.0, *starts, media.duration_s]
    shots = [ShotRow(index=i, start_s=a, end_s=b) for i, (a, b) in enumerate(zip(edges, edges[1:], strict=False))]
    document = empty_document()
    source = document.source.model_copy(update={"path": clip.name})
    return document.model_copy(update={"media": media, "shots": shots, "insights": {}, "source": source})


class Numbered:
    """A clip, its document and what frame stands when."""

    def __init__(self, clip: Path, cuts: Sequence[int]) -> None:
        self.clip, self.cuts, self.times = clip, list(cuts), frame_times(clip)
        self.document = document_of(clip, [self.times[n] for n in cuts])


class _Ranged(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        last = int(asked[2]) if asked and asked[2] else len(data) - 1
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(last + 1 - first))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.end_headers()
        try:
            self.wfile.write(data[first : last + 1])
        except OSError:  # the browser has seen enough
            self.close_connection = True


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The folder's files over loopback; yields the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Ranged, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
