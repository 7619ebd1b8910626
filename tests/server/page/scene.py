"""What tests of the page share: a tab, what it shows, analyses and a snapshot to show."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelscope.api import ErrorBody, Estimate, SourceBrief
from reelscope.document.names import ANALYZER_NAMES
from reelscope.server.monitor.shapes import (
    AnalyzerRates,
    Disk,
    Doing,
    EngineWorker,
    Gpu,
    LoadedModel,
    Machine,
    MachinePoint,
    ModelUse,
    MonitorHistory,
    MonitorPoint,
    MonitorSnapshot,
    Queue,
    WorkerNow,
)
from tests.server.page.fake_api import Fake

if TYPE_CHECKING:
    from playwright.sync_api import Page

PHONE, TABLET, DESKTOP = (360, 740), (768, 1000), (1300, 900)
WITHIN_S = 120.0
HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"

PROBES = Path(__file__).with_name("probes.js").read_text(encoding="utf-8")


@dataclass
class Opened:
    """The page in a tab, with everything that it said."""

    page: Page
    base: str
    said: list[str] = field(default_factory=list)

    def go(self, hash: str = "#/") -> Page:
        self.page.goto(f"{self.base}/{hash}")
        return self.page

    def __getattr__(self, name: str) -> Any:
        return getattr(self.page, name)


def comes(page: Any, what: Callable[[], Any], within_s: float = WITHIN_S) -> bool:
    """Whether it becomes true. Asked from here: Playwright's own waiting polls by eval, which the page's policy forbids."""
    until = time.monotonic() + within_s
    while not what():
        if time.monotonic() > until:
            return False
        page.wait_for_timeout(20)
    return True


def sees(page: Any, text: str, where: str = "main") -> bool:
    return comes(page, lambda: text in page.locator(where).first.inner_text())


def look_now(page: Any) -> None:
    """As when the tab is seen again: the page asks at once instead of in a few seconds."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def focused(page: Any) -> str:
    return page.evaluate("(e => e.getAttribute('aria-label') || e.id || e.textContent.trim())(document.activeElement)")


def probe(page: Any, name: str) -> Any:
    """What is wrong with the page as it is now, by a question of page_probes.js."""
    return page.evaluate(f"({PROBES}).{name}()")


def document_of(**states: dict[str, Any]) -> dict[str, Any]:
    return {"analyzers": {n: {"status": "ok", "seconds": 1.25, **states.get(n, {})} for n in ANALYZER_NAMES}}


def filled(fake: Fake) -> dict[str, str]:
    """Some analyses of every state."""
    ids = {}
    for i in range(3):
        fake.end(fake.add(f"older-{i}.mp4"))
    done = ids["done"] = fake.add(
        HOSTILE, source=SourceBrief(kind="url", name="x", url="https://www.tiktok.com/@a/video/7?b=1"), tier="embedded"
    )
    fake.run(done, 0.5)
    fake.tell(done, "log", level="warning", message="the worker stopped answering; it runs again alone", analyzer="object_detection")
    fake.end(done)
    fake.documents[done] = document_of(
        age_estimation={
            "status": "unavailable",
            "code": "no_backend",
            "reason": "the model age-utkface is not in the store",
            "hint": "reelscope models pull age-utkface",
        },
        object_detection={"status": "failed", "code": "worker_lost", "reason": HOSTILE, "hint": "give it more memory"},
    )
    ids["failed"] = fake.add("broken.mp4")
    fake.end(
        ids["failed"], "failed", ErrorBody(code="no_video", message="the file holds no video stream", hint="hand in a clip with pictures")
    )
    fake.end(fake.add("stopped.mp4"), "cancelled")
    ids["queued"] = fake.add("waits.mp4", estimate=Estimate(seconds=None, jobs_ahead=2, basis="no clip was analysed here yet"))
    ids["running"] = fake.add("runs.mp4", duration_s=20.0)
    fake.run(ids["running"], 0.42, 38, cut_analysis="ok", text_overlay="failed")
    fake.snapshot, fake.history = snapshot(), history()
    return ids


AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def snapshot(second: int = 0, *, queued: int = 7, lost: bool = True) -> MonitorSnapshot:
    rates: dict[str, Any] = {
        "runs_5m": 15, "failed_5m": 1, "error_rate_5m": 1 / 15, "seconds_median_5m": 0.4,
        "runs_1h": 132, "failed_1h": 0, "error_rate_1h": 0.0, "seconds_median_1h": 1.5, "seconds_p95_1h": None,
    }  # fmt: skip
    busy = Gpu(
        index=0, name="H100", state="ok", util_percent=87, memory_used_mib=61222, memory_total_mib=81559, temperature_c=64, power_w=512.3
    )
    return MonitorSnapshot(
        at=AT + timedelta(seconds=second), version="0.1.0", uptime_s=8123.4, state="ready", restarts=1, engine_restarts=2,
        machines=[
            Machine(
                host="studio", age_s=0.4, cpu_percent=63.2, cpu_cores=16, memory_used_mib=21340, memory_total_mib=65536,
                memory_limit_mib=32768, memory_limit_used_mib=30212, disks=[Disk(path_role="data", free_mib=18230, total_mib=512000)],
                gpus=[busy, Gpu(index=1, name="H100", state="lost" if lost else "ok")],
            ),
            Machine(host="laptop", age_s=12.4, gpus_note="no NVIDIA driver"),
        ],
        workers=[
            WorkerNow(
                id="studio-1", host="studio", pid=4711, state="ready", since=AT, beat_age_s=0.6, rss_mib=4210, memory_limit_mib=32768,
                doing=[Doing(job="a" * 32, title=HOSTILE, phase="decode", share=0.42, seconds=12.4)],
                models=[LoadedModel(name="whisper-base", worker="audio", device="cpu", mib=142)],
                engine=[EngineWorker(name="audio", device="cpu", pid=4721, ready=True, rss_mib=800)],
            ),
            WorkerNow(id="attic-1", host="attic", pid=12, state="gone", since=AT, beat_age_s=31),
        ],
        queue=Queue(queued=queued, running=1, done_1h=132, failed_1h=3, cancelled_1h=1, oldest_queued_s=94),
        analyzers=[AnalyzerRates(name=n, **rates) for n in ANALYZER_NAMES[1:5]],
        models=[ModelUse(name="whisper-base", hits=3, misses=1, hit_rate=0.75, loads=1, failed=0, load_s=2.41, loaded_in=["studio-1"])],
    )  # fmt: skip


def history() -> MonitorHistory:
    def point(s: int) -> MonitorPoint:
        return MonitorPoint(
            at=AT - timedelta(seconds=s),
            queued=s % 9,
            running=1,
            workers=1,
            machines=[MachinePoint(host="studio", cpu_percent=s % 90, gpus=[50.0, None])],
        )

    return MonitorHistory(points=[point(s) for s in range(299, 0, -1) if not 100 < s < 150])
