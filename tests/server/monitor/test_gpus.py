"""GPUs through NVML: two, one of them lost, none; what a driver does not tell is null."""

from __future__ import annotations

import sys
from dataclasses import asdict

import pytest
from pynvml import NVML_ERROR_DRIVER_NOT_LOADED, NVML_ERROR_RESET_REQUIRED, NVML_ERROR_UNKNOWN, NVMLError

from reelscope.server.monitor.gpus import GpuSample, NvmlGpus
from tests.server.monitor.made import RecordedNvml

FIRST = GpuSample(0, "NVIDIA H100 80GB HBM3", "ok", 87.0, 30211.0, 81559.0, 54.0, 412.7)
SECOND = GpuSample(1, "NVIDIA H100 80GB HBM3", "ok", 0.0, 4.0, 81559.0, 31.0, 69.1)


def test_two_gpus() -> None:
    assert NvmlGpus(nvml=RecordedNvml()).read() == ([FIRST, SECOND], None)


@pytest.mark.parametrize("handles", [True, False])
@pytest.mark.parametrize("code", [RecordedNvml.NVML_ERROR_GPU_IS_LOST, NVML_ERROR_RESET_REQUIRED])
def test_one_that_is_lost_has_no_figures_and_the_other_goes_on(handles: bool, code: int) -> None:
    nvml = RecordedNvml()
    gpus = NvmlGpus(nvml=nvml)
    gpus.read()
    nvml.lost, nvml.handles, nvml.lost_code = {0}, handles, code
    assert gpus.read() == ([GpuSample(0, FIRST.name, "lost"), SECOND], None)  # its name is remembered
    assert set(asdict(gpus.read()[0][0]).values()) == {0, FIRST.name, "lost", None}
    nvml.lost = set()
    assert gpus.read()[0] == [FIRST, SECOND]  # and it may come back


def test_one_that_was_lost_before_it_could_be_asked_has_no_name() -> None:
    assert NvmlGpus(nvml=RecordedNvml(lost=(0,))).read()[0][0] == GpuSample(0, None, "lost")


@pytest.mark.parametrize(
    ("silent", "figures"),
    [
        ("util", {"util_percent"}),
        ("memory", {"memory_used_mib", "memory_total_mib"}),
        ("temperature", {"temperature_c"}),
        ("power", {"power_w"}),
        ("name", {"name"}),
    ],
)
def test_what_a_driver_does_not_tell_is_null(silent: str, figures: set[str]) -> None:
    read = NvmlGpus(nvml=RecordedNvml(silent=(silent,))).read()[0]
    assert [g.state for g in read] == ["ok", "ok"]
    assert {name for name, value in asdict(read[0]).items() if value is None} == figures


def test_none_installed() -> None:
    assert NvmlGpus(nvml=RecordedNvml(count=0)).read() == ([], "no GPU is installed")


def test_a_driver_that_is_not_there() -> None:
    nvml = RecordedNvml()

    def refuse() -> None:
        raise NVMLError(NVML_ERROR_DRIVER_NOT_LOADED)

    nvml.nvmlInit = refuse  # type: ignore[method-assign]
    gpus = NvmlGpus(nvml=nvml)
    found, note = gpus.read()
    assert found == [] and note == "no NVIDIA driver (Driver Not Loaded)"
    gpus.close()
    assert nvml.open == 0


def test_a_driver_that_stops_answering() -> None:
    nvml = RecordedNvml()
    gpus = NvmlGpus(nvml=nvml)

    def fail() -> int:
        raise NVMLError(NVML_ERROR_UNKNOWN)

    nvml.nvmlDeviceGetCount = fail  # type: ignore[method-assign]
    assert gpus.read() == ([], "the NVIDIA driver does not answer (Unknown Error)")


def test_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert NvmlGpus().read() == ([], "the Python package nvidia-ml-py is not installed")


def test_closing_lets_go_of_the_driver_once() -> None:
    nvml = RecordedNvml()
    gpus = NvmlGpus(nvml=nvml)
    gpus.close()
    gpus.close()
    assert nvml.open == 0 and gpus.read() == ([], "closed")
