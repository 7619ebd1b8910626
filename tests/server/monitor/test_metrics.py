"""Prometheus's exposition: names, kinds, units and labels; and that every rule and every panel asks for what is there."""

from __future__ import annotations

import gc
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from reelscope.server.monitor.metrics import CONTENT_TYPE, Counters, render
from tests.server.monitor.made import example

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
ALERTS, BOARD = DEPLOY / "prometheus" / "alerts.yml", DEPLOY / "grafana" / "reelscope.json"
COUNTERS = Counters(
    jobs={"done": 12, "failed": 3},
    runs={("cut_analysis", "ok"): 11, ("cut_analysis", "timeout"): 1, ("speech_flow", "reused"): 2},
    seconds={"cut_analysis": (12, 18.5)},
    looks_failed=1,
    journal_dropped=2,
    age_s=0.3,
)
# Labels whose values are few: what we are made of, what is there now, or a word of a closed list.
BOUNDED = {"analyzer", "model", "worker", "host", "gpu", "state", "status", "window", "role", "process", "device", "version"}
BUILT_IN = {"up"}  # Prometheus's own
RESERVED = {
    "abs", "absent", "and", "avg", "bool", "by", "clamp_max", "clamp_min", "count", "group_left", "group_right", "histogram_quantile",
    "increase", "irate", "label_replace", "label_values", "max", "max_over_time", "min", "min_over_time", "offset", "on", "or",
    "query_result", "rate", "scalar", "sort_desc", "sum", "time", "topk", "unless", "vector", "without", "changes", "ignoring", "resets",
}  # fmt: skip


def text() -> str:
    return render(example(), COUNTERS).decode()


def families() -> dict[str, Any]:
    return {f.name: f for f in text_string_to_metric_families(text())}


def values(name: str) -> dict[tuple[tuple[str, str], ...], float]:
    return {tuple(sorted(s.labels.items())): s.value for f in families().values() for s in f.samples if s.name == name}


def value(name: str, **labels: str) -> float:
    return values(name)[tuple(sorted(labels.items()))]


def names() -> set[str]:
    return {s.name for f in families().values() for s in f.samples}


def test_names_kinds_and_help() -> None:
    for name, family in families().items():
        assert re.fullmatch(r"reelscope_[a-z0-9_]+", name) and family.documentation.endswith("."), name
        assert family.type in ("gauge", "counter", "summary"), name
        assert not re.search(r"_(mib|ms|percent|minutes)\b", name), name  # base units: bytes, seconds, shares
    assert CONTENT_TYPE.startswith("text/plain")


def test_labels_are_bounded() -> None:
    found = {label for f in families().values() for s in f.samples for label in s.labels}
    assert found <= BOUNDED
    assert {"analyzer", "model", "worker", "host", "gpu", "state"} <= found


def test_figures() -> None:
    assert value("reelscope_jobs_total", state="done") == 12 and value("reelscope_jobs_total", state="cancelled") == 0
    assert value("reelscope_queue_jobs", state="queued") == 3 and value("reelscope_queue_oldest_seconds") == 12
    assert value("reelscope_analyzer_runs_total", analyzer="cut_analysis", status="timeout") == 1
    assert value("reelscope_analyzer_seconds_sum", analyzer="cut_analysis") == 18.5
    assert value("reelscope_analyzer_seconds_count", analyzer="cut_analysis") == 12
    assert value("reelscope_analyzer_error_ratio", analyzer="cut_analysis", window="1h") == 0.5
    assert value("reelscope_model_hits_total", model="yamnet") == 18 and value("reelscope_model_misses_total", model="yamnet") == 2
    assert value("reelscope_gpu_util_ratio", host="beta", gpu="0") == 0.87
    assert value("reelscope_gpu_lost", host="beta", gpu="1") == 1 and value("reelscope_gpu_lost", host="beta", gpu="0") == 0
    assert value("reelscope_machine_memory_limit_bytes", host="beta") == 4096 * 2**20
    assert value("reelscope_disk_free_bytes", host="alpha", role="temp") == 500 * 2**20
    assert value("reelscope_workers", state="ready") == 2 and value("reelscope_workers", state="draining") == 0
    assert value("reelscope_server_state", state="ready") == 1 and value("reelscope_server_state", state="starting") == 0
    assert value("reelscope_engine_worker_gpu_memory_limit_bytes", worker="beta-9-1-bbbb", process="gpu-0") == 11500 * 2**20
    assert value("reelscope_worker_models_bytes", worker="alpha-77-1-aaaa", device="cpu") == 36 * 2**20
    assert value("reelscope_monitor_journal_dropped_total") == 2


def test_what_is_null_has_no_line() -> None:
    assert set(values("reelscope_gpu_util_ratio")) == {(("gpu", "0"), ("host", "beta"))}
    assert ("host", "alpha") not in {pair for k in values("reelscope_machine_memory_limit_bytes") for pair in k}
    assert "speech_flow" not in {dict(k)["analyzer"] for k in values("reelscope_analyzer_error_ratio")}  # it was reused
    assert "NaN" not in text()


def test_before_the_first_look_there_are_counters_only() -> None:
    made = {f.name for f in text_string_to_metric_families(render(None, Counters()).decode()) if f.samples}
    assert made == {"reelscope_jobs", "reelscope_monitor_looks_failed", "reelscope_monitor_journal_dropped"}


def test_nothing_global_is_touched_and_nothing_piles_up() -> None:
    before = set(REGISTRY._names_to_collectors)
    snapshot = example()
    render(snapshot, COUNTERS)
    gc.collect()
    count = len(gc.get_objects())
    for _ in range(20):
        render(snapshot, COUNTERS)
    gc.collect()
    assert len(gc.get_objects()) < count + 1000
    assert set(REGISTRY._names_to_collectors) == before


def test_odd_names_are_escaped() -> None:
    made = example()
    machine = made.machines[0].model_copy(update={"host": 'a"b\\c\nd'})
    got = render(made.model_copy(update={"machines": [machine]}), Counters()).decode()
    found = [s for f in text_string_to_metric_families(got) for s in f.samples if s.name == "reelscope_machine_load1"]
    assert [s.labels["host"] for s in found] == ['a"b\\c\nd']


# --- rules and panels --------------------------------------------------------------------------------------------------------------------


def asked(expression: str) -> set[str]:
    """Names of metrics in a PromQL expression; labels and strings left out."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\$\w+', " ", expression)
    bare = re.sub(r"label_values\((.*),\s*\w+\)", r"\1", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    return set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", bare)) - RESERVED


def labels_asked(expression: str) -> set[tuple[str, str]]:
    """(metric, label) of every selector."""
    return {
        (m[1], label)
        for m in re.finditer(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}", expression)
        for label in re.findall(r"(\w+)\s*[=!]~?", m[2])
    }


def rules() -> list[dict[str, Any]]:
    found = yaml.safe_load(ALERTS.read_text())
    assert set(found) == {"groups"}
    return [rule for group in found["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return json.loads(BOARD.read_text())["panels"]  # type: ignore[no-any-return]


def check(expression: str) -> None:
    there = names()
    assert asked(expression) and asked(expression) <= there | BUILT_IN, (expression, asked(expression) - there)
    for metric, label in labels_asked(expression):
        if metric in there:
            known = {n for k in values(metric) for n, _ in k}
            assert label in known | {"job", "instance"}, (expression, metric, label)


def test_the_check_can_fail() -> None:
    with pytest.raises(AssertionError):
        check("rate(reelscope_nothing_total[5m]) > 0")
    with pytest.raises(AssertionError):
        check('reelscope_workers{analyzer="x"} > 0')
    assert asked('sum by (host) (rate(reelscope_jobs_total{state="done"}[5m])) > bool 0.1 and on (job) up') == {
        "reelscope_jobs_total",
        "up",
    }


def test_alert_rules_ask_for_what_is_there() -> None:
    made = rules()
    for rule in made:
        check(rule["expr"])
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert {"summary", "description"} <= set(rule["annotations"]), rule["alert"]
        assert re.fullmatch(r"\d+[smh]", rule["for"]), rule["alert"]
        used = re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"]))
        there = {n for metric in asked(rule["expr"]) & names() for k in values(metric) for n, _ in k}
        assert set(used) <= there | {"instance", "job"}, rule["alert"]
    assert len({r["alert"] for r in made}) == len(made)
    about = " ".join(r["alert"] for r in made)
    for what in ("ServerDown", "NoReadyWorker", "QueueOld", "Errors", "DiskLow", "GpuLost", "Restart", "Memory"):
        assert what in about, what


def test_panels_ask_for_what_is_there() -> None:
    board = json.loads(BOARD.read_text())
    targets = [(p["title"], t) for p in panels() for t in p.get("targets", ())]
    assert len(targets) >= 15
    for title, target in targets:
        check(target["expr"])
        used = re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", ""))
        there = {n for metric in asked(target["expr"]) & names() for k in values(metric) for n, _ in k}
        assert set(used) <= there, title
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            check(variable["query"]["query"] if isinstance(variable["query"], dict) else variable["query"])


def test_the_board_is_one_that_grafana_can_take() -> None:
    board = json.loads(BOARD.read_text())
    assert board["uid"] == "reelscope" and board["schemaVersion"] >= 36 and board["id"] is None
    assert len({p["id"] for p in board["panels"]}) == len(board["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}" and target["refId"], panel["title"]
