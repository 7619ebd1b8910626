"""The settings as one typed, frozen tree. Every leaf is read by the code that its description names; a test holds that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from reelscope.document.names import ANALYZER_NAMES

__all__ = [
    "Analysis",
    "AnalyzerTuning",
    "Faults",
    "Format",
    "GpuBudgets",
    "LogLevel",
    "Models",
    "Optimisation",
    "Output",
    "Performance",
    "Placement",
    "Plugins",
    "Server",
    "Settings",
    "Sources",
    "System",
]

Format = Literal["json", "html"]
LogLevel = Literal["debug", "info", "warning", "error"]

EIGHT_K_UHD_PX = 7680 * 4320  # the largest picture that phones and cameras write today
TWO_HOURS_S = 7200.0  # far above any short; a stream of days named clip.mp4 would fill the disk with its sound alone
MAX_THREADS = 1024  # above any machine we know of: catches a slip of the keyboard, not a large server


class Node(BaseModel):
    """Base of every table of the tree: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)


class GpuBudgets(Node):
    """GPU memory that each worker group may take. Not set: 24, 10 and 7 GiB, more on a larger GPU."""

    language: Annotated[float, Field(gt=0)] | None = Field(default=None, description="GiB of GPU memory for the vision-language model")
    detection: Annotated[float, Field(gt=0)] | None = Field(default=None, description="GiB of GPU memory for objects, text and masks")
    people: Annotated[float, Field(gt=0)] | None = Field(default=None, description="GiB of GPU memory for people, scenes and quality")


class Placement(Node):
    """Which processes, cores and devices do what."""

    threads: Annotated[int, Field(ge=1, le=MAX_THREADS)] | None = Field(
        default=None, description="CPU cores to use; not set: all that this process may use (affinity mask and container quota)"
    )
    decode_threads: Annotated[int, Field(ge=0, le=64)] = Field(  # decoders gain nothing beyond some 16 threads and hold a frame in each
        default=0, description="threads of the video decoder; 0: chosen from the cores to use"
    )
    workers: Annotated[int, Field(ge=0, le=MAX_THREADS)] | None = Field(
        default=None,
        description="worker processes for what runs on the CPU; 0: work in this process; not set: in this process for a single short clip, "
        "else one for each core",
    )
    devices: tuple[str, ...] | None = Field(
        default=None, description="devices to use, such as cpu or cuda:0; not set: the CPU and every GPU that CUDA_VISIBLE_DEVICES leaves"
    )
    pin: dict[str, str] = Field(default={}, description="where an analyzer runs: cpu, cpu:1 (the second CPU worker), cuda:0")
    nice: Annotated[int, Field(ge=0, le=19)] = Field(default=0, description="niceness of worker processes: 19 leaves the machine to others")
    gpu_gib: GpuBudgets = Field(default=GpuBudgets(), description="GPU memory of each worker group")


class AnalyzerTuning(Node):
    """Pace of one analyzer. Not set: what the backend that runs was measured with."""

    batch: Annotated[int, Field(ge=1, le=1024)] | None = Field(default=None, description="items that a model takes at once")
    fps: Annotated[float, Field(gt=0, le=240)] | None = Field(
        default=None, description="frames sampled per second of the clip, in place of the backend's own rate (also of its every frame)"
    )


class AnalyzerTable(Node):
    """One `AnalyzerTuning` for each analyzer, as attributes or as `table[name]`; of a plugin's only where something is set."""

    model_config = ConfigDict(extra="allow")  # names are checked against what is installed: when settings are read, and by the plan

    __pydantic_extra__: dict[str, AnalyzerTuning]

    def __getitem__(self, name: str) -> AnalyzerTuning:
        if name not in ANALYZER_NAMES and name not in self.others:
            raise KeyError(name)
        return getattr(self, name)

    @property
    def others(self) -> Mapping[str, AnalyzerTuning]:
        """What is set for analyzers that are not among the nineteen."""
        return self.__pydantic_extra__ or {}

    def of(self, name: str) -> AnalyzerTuning:
        """What holds for any analyzer."""
        return self[name] if name in ANALYZER_NAMES else self.others.get(name, AnalyzerTuning())


# create_model's keywords are typed for single fields, not for a mapping of them
PerAnalyzer: Any = create_model(  # type: ignore[call-overload]
    "PerAnalyzer", __base__=AnalyzerTable, __module__=__name__, **{name: (AnalyzerTuning, AnalyzerTuning()) for name in ANALYZER_NAMES}
)


class Performance(Node):
    """Sizes of what is held and handed on at once."""

    # Below a quarter of a second a window holds a handful of frames and hand-over costs more than work; above ten seconds one window
    # of full-size luma and small frames outgrows a laptop's shared memory.
    window_s: Annotated[float, Field(ge=0.25, le=10)] = Field(
        default=2.0, description="seconds of the clip in one window of decoded frames"
    )
    # One: decoding and analysing take turns. Two: they overlap. More only smooths uneven windows and costs a window of memory each.
    windows_in_flight: Annotated[int, Field(ge=1, le=8)] = Field(
        default=2, description="windows held in memory at the same time; bounds the peak memory"
    )
    analyzers: PerAnalyzer = Field(default=PerAnalyzer(), description="batch size and sampling rate of each analyzer")


class Models(Node):
    """Where models lie and what stays loaded."""

    dir: Path | None = Field(default=None, description="folder of the model store; not set: models in the data folder")
    offline: bool = Field(
        default=False, description="never fetch a model; HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE and REELSCOPE_OFFLINE=1 do the same"
    )
    ram_mib: Annotated[int, Field(ge=16)] | None = Field(
        default=None, description="memory for loaded models in each worker; the least recently used goes first; not set: no limit"
    )
    idle_s: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="unload a model that nobody used for so long; not set: keep"
    )
    preload: tuple[str, ...] = Field(default=(), description="analyzers to load when the workers start, before the first clip")


class Plugins(Node):
    """Analyzers that other packages bring (docs/writing-an-analyzer.md)."""

    enabled: bool = Field(
        default=True, description="run the analyzers that other installed packages declare; false: none of their code is imported"
    )


class Faults(Node):
    """What happens when a worker dies, hangs or grows."""

    tries: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=2, description="how often an analyzer may bring its worker down in one clip before it is given up for that clip"
    )
    window_timeout_s: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="longest time for one window, in place of each analyzer's own limit"
    )
    load_timeout_s: Annotated[float, Field(gt=0)] = Field(default=300.0, description="longest time for loading one analyzer")
    recycle_clips: Annotated[int, Field(ge=0)] = Field(
        default=0, description="start a worker anew after so many clips; 0: never for that reason"
    )
    recycle_mib: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="start a worker anew after the clip when it holds more memory than this; not set: twice its first clip's plus 512",
    )
    worker_mib: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="end a worker at once when it holds more memory than this; not set: nine tenths of what the machine has"
    )


class System(Node):
    """Limits, places and logs."""

    temp_dir: Path | None = Field(
        default=None, description="folder for decoded sound and other files of a run; not set: the system's temporary folder"
    )
    shared_dir: Path | None = Field(
        default=None, description="folder in memory for frames shared between processes; not set: /dev/shm where it has room, else temp_dir"
    )
    data_dir: Path | None = Field(
        default=None, description="folder for kept results; not set: $REELSCOPE_DATA_DIR, else reelscope in the user's data folder"
    )
    keep_results: bool = Field(
        default=True, description="keep each analyzer's result and use it again where nothing that it read has changed"
    )
    results_max_mib: Annotated[int, Field(ge=1)] = Field(default=2048, description="room for kept results; the longest unused go first")
    log_level: LogLevel = Field(default="warning", description="least grave messages of the log on stderr")
    min_free_disk_mib: Annotated[int, Field(ge=0)] = Field(
        default=200, description="refuse to start with less free space in the output or the temporary folder"
    )
    max_duration_s: Annotated[float, Field(gt=0)] = Field(default=TWO_HOURS_S, description="refuse longer clips")
    max_pixels: Annotated[int, Field(ge=256)] = Field(
        default=EIGHT_K_UHD_PX,
        description="refuse clips with more pixels in a picture (width x height); guards memory against forged headers",
    )


class Optimisation(Node):
    """How the work is spread."""

    lanes: Annotated[int, Field(ge=1, le=MAX_THREADS)] | None = Field(
        default=None, description="analyzers that work at the same time; not set: one for each core to use"
    )
    clips_in_flight: Annotated[int, Field(ge=1, le=16)] = Field(
        default=2, description="clips on their way at the same time: the next one decodes while the last one finishes"
    )
    # Read by PyTorch's CUDA allocator when it starts; set in code, in the worker, before torch is imported.
    cuda_expandable_segments: bool = Field(default=True, description="let PyTorch grow its GPU memory segments instead of adding new ones")
    cuda_gc_threshold: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=0.8, description="share of its GPU memory above which PyTorch gives unused blocks back"
    )
    cuda_max_split_mib: Annotated[int, Field(ge=21)] | None = Field(
        default=512, description="largest GPU memory block that PyTorch splits, in MiB"
    )


class Analysis(Node):
    """What is computed and by which backend."""

    tier: Literal["auto", "embedded", "compact", "full"] = Field(
        default="auto", description="best tier to take backends from; auto: the best that is usable here"
    )
    backends: dict[str, str] = Field(default={}, description="backend to use for an analyzer, by name, instead of the best usable one")
    options: dict[str, dict[str, Any]] = Field(default={}, description="options of an analyzer; docs/analyzers/ lists them")
    licence: Literal["any", "permissive"] = Field(
        default="any", description="permissive: only models under Apache, MIT or BSD licences; any: also those accepted by name"
    )
    fresh: bool = Field(default=False, description="compute everything anew instead of using kept results")


class Sources(Node):
    """Clips from the network."""

    max_mib: Annotated[int, Field(ge=1)] = Field(default=512, description="refuse larger downloads, also while they come in")
    timeout_s: Annotated[float, Field(gt=0)] = Field(default=300.0, description="longest time for fetching one post")
    retries: Annotated[int, Field(ge=0, le=20)] = Field(default=3, description="how often a download that broke off is tried again")
    cookies: Path | None = Field(default=None, description="cookies file (Netscape format) for posts that want a login")
    allow_private: tuple[str, ...] = Field(
        default=(),
        description="addresses besides public ones that may be connected to for clips and callbacks: host names, or networks such as "
        "192.168.1.0/24",
    )


class Server(Node):
    """The server and its workers."""

    host: str = Field(default="127.0.0.1", description="address to listen on; beyond this machine a token is needed")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(default=8003, description="port to listen on; 0: any free one")
    database: str | None = Field(
        default=None, description="where jobs are kept, postgresql://USER:PASSWORD@HOST/NAME; not set: SQLite in the data folder"
    )
    roots: tuple[str, ...] = Field(default=(), description="folders whose files may be analysed by path; not set: none")
    without_token: bool = Field(default=False, description="let everybody in who reaches the address, also beyond this machine")
    workers: Annotated[int, Field(ge=0, le=64)] = Field(
        default=1, description="processes that analyse on this machine, each with an engine of its own; 0: other machines do"
    )
    max_upload_mib: Annotated[int, Field(ge=1)] = Field(default=512, description="refuse larger uploads, also while they come in")
    max_queue: Annotated[int, Field(ge=1)] = Field(default=10_000, description="refuse new jobs while so many wait")
    requests_per_minute: Annotated[int, Field(ge=1)] = Field(
        default=6000, description="requests that one client (token, else address) may make in a minute"
    )
    min_free_disk_mib: Annotated[int, Field(ge=0)] = Field(
        default=1024, description="refuse new jobs with less free space in the data folder"
    )
    keep_days: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="remove an analysis so many days after its end; not set: never"
    )
    keep_media_days: Annotated[float, Field(gt=0)] | None = Field(
        default=30.0, description="remove an analysis's clip so many days after its end, and keep what was found in it"
    )
    drain_s: Annotated[float, Field(ge=0)] = Field(
        default=60.0, description="when stopped, seconds that clips on their way may take to end before they are handed back to the queue"
    )


def _some_and_none_twice(formats: tuple[Format, ...]) -> tuple[Format, ...]:
    if not formats or len(set(formats)) != len(formats):
        raise ValueError("name at least one format and none twice")
    return formats


class Output(Node):
    """What is written."""

    dir: Path = Field(
        default=Path("out"), description="folder for results where --out is not given; each clip gets a folder of its own in it"
    )
    formats: Annotated[tuple[Format, ...], AfterValidator(_some_and_none_twice)] = Field(
        default=("json", "html"), description="json: analysis.json; html: report.html"
    )


class Settings(Node):
    """All settings of a run."""

    analysis: Analysis = Field(default=Analysis(), description="what is computed")
    placement: Placement = Field(default=Placement(), description="which processes, cores and devices do what")
    performance: Performance = Field(default=Performance(), description="sizes of what is handled at once")
    optimisation: Optimisation = Field(default=Optimisation(), description="how the work is spread")
    models: Models = Field(default=Models(), description="what stays loaded")
    plugins: Plugins = Field(default=Plugins(), description="analyzers that other installed packages bring")
    faults: Faults = Field(default=Faults(), description="what happens when a worker dies, hangs or grows")
    system: System = Field(default=System(), description="limits, places and logs")
    output: Output = Field(default=Output(), description="what is written")
    sources: Sources = Field(default=Sources(), description="clips from the network")
    server: Server = Field(default=Server(), description="the server and its workers")
