"""Small JPEG stills of the clip, spooled to a file while it is decoded, from which every shot's keyframe is taken."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from reelscope.features.base import Clip, Feature, FeatureSpec, Inputs, LoadContext
from reelscope.media.frames import SAMPLED_LARGE, Window

__all__ = ["FEATURE", "Still", "Stills", "StillsFeature"]

# Wide enough for a card of the report on a phone with a dense display, small enough that 30 of them weigh about half a megabyte.
SHORT_SIDE_PX = 270
JPEG_QUALITY = 80
SPOOL, STORED = "stills.jpegs", "stills.json"


@dataclass(frozen=True, slots=True)
class Still:
    """One spooled picture. sharpness: variance of the Laplacian of its luma (0-255 scale), comparable within a clip only."""

    t_s: float
    sharpness: float
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Stills:
    """The spool and what lies in it, in time order."""

    path: str
    stills: tuple[Still, ...]

    def read(self, still: Still) -> bytes:
        """The JPEG file of one still."""
        with Path(self.path).open("rb") as spool:
            spool.seek(still.offset)
            return spool.read(still.size)


class StillsFeature(Feature[Stills]):
    """Five stills a second, scaled to SHORT_SIDE_PX and written to the clip's work folder."""

    spec = FeatureSpec(name="stills", version=1, packages=("cv2",), frames=(SAMPLED_LARGE,), cost=0.013)
    keeps = True

    @classmethod
    def store(cls, value: Stills, folder: Path) -> None:
        shutil.copyfile(value.path, folder / SPOOL)
        (folder / STORED).write_text(json.dumps([asdict(still) for still in value.stills]), encoding="utf-8")

    @classmethod
    def restore(cls, folder: Path) -> Stills:
        stills = tuple(Still(**still) for still in json.loads((folder / STORED).read_text(encoding="utf-8")))
        spool = folder / SPOOL
        if sum(still.size for still in stills) != spool.stat().st_size:
            raise ValueError("the spool is not as long as its stills together")
        return Stills(str(spool), stills)

    def load(self, ctx: LoadContext) -> None:
        super().load(ctx)
        import cv2

        self._cv2: Any = cv2
        self._spool: IO[bytes] | None = None

    def begin(self, clip: Clip) -> None:
        self.close()
        self._path = Path(clip.work_dir) / SPOOL
        self._spool = self._path.open("wb")
        self._stills: list[Still] = []
        self._offset = 0

    def feed(self, window: Window) -> None:
        cv2 = self._cv2
        assert self._spool is not None
        frames = window.frames(self.frames[0])
        for rgb, t_s in zip(frames.pixels, frames.pts_s, strict=True):
            height, width = rgb.shape[:2]
            scale = min(1.0, SHORT_SIDE_PX / min(height, width))
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
            bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
            sharpness = float(cv2.Laplacian(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), cv2.CV_32F).var())
            data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
            self._spool.write(data)
            self._stills.append(Still(float(t_s), sharpness, self._offset, len(data)))
            self._offset += len(data)

    def finish(self, inputs: Inputs) -> Stills:
        self.close()
        return Stills(str(self._path), tuple(self._stills))

    def close(self) -> None:
        spool = getattr(self, "_spool", None)
        if spool is not None:
            spool.close()
            self._spool = None


FEATURE = StillsFeature
