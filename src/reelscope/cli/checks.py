"""What `reelscope doctor` checks. Each check looks at one thing and never raises."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from reelscope.errors import ReelscopeError

__all__ = ["CHECKS", "Check", "all_checks", "flavours"]

MIB = 1024 * 1024

# What short-form clips come in: phones and editors write H.264 and HEVC, platforms serve VP9 and AV1 too.
VIDEO_DECODERS = ("h264", "hevc", "vp9", "av1")
AUDIO_DECODERS = ("aac", "mp3", "opus")
SHARED_MEMORY_MIB = 64  # a container's default; a window of a 4K clip does not fit into less

# Packages of which each provides the same import: two of them overwrite each other's files.
OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
ONNXRUNTIME = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-silicon", "ort-nightly")


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: `fail` stops analysis, `warn` costs something, and `fix` says what to do."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    fix: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def all_checks() -> list[Check]:
    """Run every check; one that breaks is itself a failure. What stops several, such as a bad setting, is told once."""
    found: list[Check] = []
    told: dict[str, str] = {}  # what stopped a check: the first that it stopped
    for check in CHECKS:
        try:
            found.append(check())
        except ReelscopeError as error:
            first = told.setdefault(error.message, check.__name__)
            if first == check.__name__:
                found.append(Check(first, "fail", error.message, error.hint))
            else:
                found.append(Check(check.__name__, "warn", f"not checked: what is wrong with {first} stops it"))
        except Exception as error:  # a check that breaks must not hide the others
            found.append(Check(check.__name__, "fail", f"{type(error).__name__}: {error}", "set the environment up again: make setup"))
    return found


def python() -> Check:
    """The interpreter."""
    version = platform.python_version()
    where = f"Python {version} on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] in ((3, 11), (3, 12)):
        return Check("python", "ok", where)
    return Check("python", "fail", where, "use Python 3.11 or 3.12")


def settings() -> Check:
    """The settings that hold here."""
    from reelscope.cli.terminal import read_settings

    loaded = read_settings()
    files = sorted({str(origin.file) for origin in loaded.origins.values() if origin.file})
    changed = sum(origin.layer != "default" for origin in loaded.origins.values())
    return Check("settings", "ok", f"{changed} differ from the defaults" + (f" ({', '.join(files)})" if files else ""))


def decoder() -> Check:
    """FFmpeg inside PyAV: its decoders, and one clip written and read back."""
    import av

    def missing(names: Iterable[str]) -> list[str]:
        out = []
        for name in names:
            try:
                av.Codec(name, "r")
            except av.FFmpegError:  # unknown codec
                out.append(name)
            except ValueError:
                out.append(name)
        return out

    version = f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}"
    lacking = missing((*VIDEO_DECODERS, *AUDIO_DECODERS))
    if lacking:
        return Check("decoder", "fail", f"{version}, without decoders for {', '.join(lacking)}", "reinstall the av package from its wheel")
    frames = _round_trip()
    if frames != ROUND_TRIP_FRAMES:
        return Check("decoder", "fail", f"{version}: {frames} of {ROUND_TRIP_FRAMES} frames came back", "reinstall the av package")
    return Check("decoder", "ok", f"{version}; {', '.join((*VIDEO_DECODERS, *AUDIO_DECODERS))}; a test clip decodes")


ROUND_TRIP_FRAMES = 12


def _round_trip() -> int:
    """Frames that come back of a small clip."""
    import av
    import numpy as np

    from reelscope.media.encode import ClipWriter

    with tempfile.TemporaryDirectory(prefix="reelscope-doctor-") as folder:
        path = Path(folder) / "clip.mp4"
        with ClipWriter(path, 64, 64, fps=24) as clip:
            for i in range(ROUND_TRIP_FRAMES):
                clip.frame(np.full((64, 64, 3), i * 20, np.uint8))
        with av.open(str(path)) as container:
            return sum(1 for _ in container.decode(video=0))


def processors() -> Check:
    """Cores that are used, and what limits them."""
    from reelscope.cli.terminal import read_settings
    from reelscope.engine.hardware import count_cores

    cores = count_cores(read_settings().settings.placement.threads)
    if cores.count < 2:
        return Check("processors", "warn", cores.why, "with one core decoding and analysing take turns; give the process two or more")
    return Check("processors", "ok", cores.why)


def memory() -> Check:
    """Memory that may be used and memory that is free."""
    import psutil

    from reelscope.engine.hardware import memory_limit_mib

    limit_mib, why = memory_limit_mib()
    free_mib = min(psutil.virtual_memory().available // MIB, limit_mib)
    detail = f"{why}; {free_mib} MiB available"
    if limit_mib < MEMORY_MIB:
        return Check("memory", "warn", detail, "give the container more: an analysis of a 1080p clip takes up to 2.5 GiB")
    if free_mib < MEMORY_MIB:
        return Check("memory", "warn", detail, "close other programs: an analysis of a 1080p clip takes up to 2.5 GiB")
    return Check("memory", "ok", detail)


MEMORY_MIB = 2560  # the bound that the analysis of a 1080p clip keeps


def shared_memory(folder: Path = Path("/dev/shm")) -> Check:
    """Room for windows that processes share."""
    from reelscope.cli.terminal import read_settings

    chosen = read_settings().settings.system.shared_dir
    where = chosen or folder
    if not where.is_dir():
        if chosen is not None:
            return Check("shared memory", "fail", f"{chosen} is no folder", "set system.shared_dir to a folder in memory, or unset it")
        return Check("shared memory", "ok", "not separate on this system")
    usage = shutil.disk_usage(where)
    detail = f"{usage.free // MIB} MiB free of {usage.total // MIB} MiB ({where}{': system.shared_dir' if chosen else ''})"
    if usage.free < SHARED_MEMORY_MIB * MIB:
        return Check("shared memory", "warn", detail, "give the container more: docker run --shm-size=1g")
    return Check("shared memory", "ok", detail)


def gpu() -> Check:
    """NVIDIA devices that CUDA_VISIBLE_DEVICES leaves; to have none is normal."""
    from reelscope.engine.gpu_list import PyNvml, visible_gpus

    gpus, why = visible_gpus(PyNvml(), os.environ)
    if not gpus:
        return Check("gpu", "ok", f"{why}; the embedded tier needs none")
    return Check("gpu", "ok", "; ".join([why, *(f"cuda:{g.index} {g.name}, {g.memory_mib} MiB, {g.uuid}" for g in gpus)]))


def inference() -> Check:
    """Providers on which onnxruntime truly runs a model, not those that it lists."""
    import onnxruntime

    from reelscope.models.catalog import Catalog

    model = Catalog().find("silero-vad")
    version = f"onnxruntime {onnxruntime.__version__}"
    if model is None:
        return Check("inference", "fail", f"{version}: no model to try it with", "reinstall the faster-whisper package")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what a provider cannot do is told below, once
    options.intra_op_num_threads = 1
    offered = [name for name in onnxruntime.get_available_providers() if name != "AzureExecutionProvider"]  # a remote service, never used
    active = onnxruntime.InferenceSession(str(model), options, providers=offered).get_providers()
    detail = f"{version}, active: {', '.join(active)}"
    idle = [name for name in offered if name not in active]
    if idle:
        return Check(
            "inference",
            "warn",
            f"{detail}; offered but not working: {', '.join(idle)}",
            "install the driver and libraries that the provider needs",
        )
    return Check("inference", "ok", detail)


def privacy(env: Mapping[str, str] = os.environ) -> Check:
    """Whether onnxruntime's wheels report usage to their maker; `import reelscope` switches it off unless somebody chose otherwise."""
    if env.get("ORT_DISABLE_TELEMETRY", "0") in ("", "0"):
        return Check("privacy", "warn", "onnxruntime reports usage to its maker (ORT_DISABLE_TELEMETRY=0)", "unset ORT_DISABLE_TELEMETRY")
    return Check("privacy", "ok", "no library reports home")


def disk() -> Check:
    """Room for results and for temporary files."""
    from reelscope.cli.terminal import read_settings

    settings = read_settings().settings
    least = settings.system.min_free_disk_mib
    parts, short = [], []
    for what, folder in (("temporary files", settings.system.temp_dir or Path(tempfile.gettempdir())), ("results", settings.output.dir)):
        here = folder.absolute()
        while not here.exists():
            here = here.parent
        free = shutil.disk_usage(here).free // MIB
        parts.append(f"{free} MiB free for {what} ({here})")
        if free < least or not os.access(here, os.W_OK):
            short.append(str(here))
    if short:
        return Check(
            "disk",
            "fail",
            ", ".join(parts),
            f"free {least} MiB in a folder that can be written to ({', '.join(short)}), or set system.temp_dir and output.dir",
        )
    return Check("disk", "ok", ", ".join(parts))


def models() -> Check:
    """Models that come inside packages."""
    from reelscope.cli.model_checks import packages

    return packages()


def model_store() -> Check:
    """Models that were pulled or imported."""
    from reelscope.cli.model_checks import store

    return store()


def extensions() -> Check:
    """Analyzers that other packages bring: those that can be used, and what is wrong with the others."""
    from reelscope.analyzers.registry import INSTALLED
    from reelscope.cli.terminal import read_settings
    from reelscope.errors import PluginError
    from reelscope.plugins import plugins

    found = plugins()
    if not read_settings().settings.plugins.enabled:
        return Check("plugins", "ok", f"switched off (plugins.enabled); {len(found.named) + len(found.refused)} declared")
    usable = []
    broken = [f"{plugin.origin}: {plugin.refused}" for plugin in found.refused]
    for name, plugin in found.named.items():
        try:
            INSTALLED.analyzer(name)
            usable.append(f"{name} ({plugin.origin})")
        except PluginError as error:
            broken.append(f"{name}: {error.message}")
    if broken:
        return Check("plugins", "warn", "\n".join([*usable, *broken]), "mend or remove those packages; everything else runs")
    return Check("plugins", "ok", ", ".join(usable) or "none")


def opencv() -> Check:
    """Exactly one OpenCV."""
    return flavours("opencv", OPENCV, _installed(), wanted="opencv-python-headless")


def onnx() -> Check:
    """Exactly one onnxruntime."""
    return flavours("onnxruntime packages", ONNXRUNTIME, _installed(), wanted="onnxruntime")


def _installed() -> dict[str, str]:
    return {str(d.metadata["Name"]).lower().replace("_", "-"): d.version for d in importlib.metadata.distributions() if d.metadata["Name"]}


def flavours(name: str, known: Sequence[str], installed: dict[str, str], *, wanted: str) -> Check:
    """Whether exactly one of several packages that provide the same import is installed."""
    found = [f"{package} {installed[package]}" for package in known if package in installed]
    if len(found) == 1:
        return Check(name, "ok", found[0])
    if not found:
        return Check(name, "fail", "not installed", f"pip install {wanted}")
    remove = " ".join(package for package in known if package in installed)
    return Check(name, "fail", f"several overwrite each other: {', '.join(found)}", f"pip uninstall {remove}, then pip install {wanted}")


def workers() -> Check:
    """Every worker of the plan for several clips, started and asked what it sees."""
    from reelscope.cli.terminal import read_settings
    from reelscope.engine.inspect import worker_views
    from reelscope.pipeline import Session

    with Session(read_settings().settings, many=True) as session:
        placement = session.plan().placement
        if placement.here:
            return Check("workers", "ok", "none: everything works in the main process (placement.workers)")
        views = worker_views(placement, session.settings, session.registry)
    lost = [f"{view['worker']}: {view['error']}" for view in views if "error" in view]
    if lost:
        return Check("workers", "fail", "; ".join(lost), "set the environment up again: make setup; or work without them: --workers 0")
    return Check("workers", "ok", "\n".join(_seen(view) for view in views))


def _seen(view: dict[str, Any]) -> str:
    sees = ", ".join(view["gpus"]) or "no GPU"
    allocator = f"; CUDA allocator {view['allocator']}" if view["allocator"] else ""
    packages = ", ".join(f"{name} {version}" for name, version in view["packages"].items())
    threads = f"{view['threads']} numeric thread" + ("s" if view["threads"] != 1 else "")
    return f"{view['worker']} on {view['device']}: sees {view['cores']} cores and {sees}; {threads}; {packages}{allocator}"


CHECKS: tuple[Callable[[], Check], ...] = (
    python, settings, decoder, processors, memory, shared_memory, gpu, inference, privacy, models, model_store, extensions,
    opencv, onnx, disk, workers,
)  # fmt: skip
