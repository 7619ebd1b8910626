"""Requests are counted by what they asked for and how they were answered, whoever answered them."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.server.conftest import InProcess, in_process


def counts(api: InProcess) -> dict[tuple[str, str, str], float]:
    families = text_string_to_metric_families(api.client.get("/metrics").text)
    samples = [s for family in families for s in family.samples if s.name == "reelscope_http_requests_total"]
    return {(s.labels["method"], s.labels["route"], s.labels["status"]): s.value for s in samples}


def test_requests_are_counted(tmp_path: Path) -> None:
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3") as api:
        for n in range(3):
            assert api.client.get(f"/analyses/{n:032x}").status_code == 404
            api.client.get(f"/nothing/{n}")
            api.client.request(f"WORD{n}", f"/nothing/{n}")
        api.client.get("/analyses", headers={"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"})
        api.client.post("/analyses", json={})
        found = counts(api)
        assert found["GET", "/analyses/{id}", "404"] == 3
        assert found["POST", "/analyses", "422"] == 1
        assert found["GET", "other", "404"] == 3
        assert sum(value for (method, route, _), value in found.items() if (method, route) == ("other", "other")) == 3
        assert ("GET", "/metrics", "200") not in found  # its own answer had not begun
        assert counts(api)["GET", "/metrics", "200"] == 1


def test_a_bug_is_counted_as_what_is_answered(tmp_path: Path) -> None:
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3") as api:

        def broken(*args: object, **kwargs: object) -> None:
            raise RuntimeError("x")

        api.parts.listing.page = broken  # type: ignore[assignment, method-assign]
        assert api.client.get("/analyses").status_code == 500
        assert counts(api)["GET", "/analyses", "500"] == 1


def test_how_soon_is_measured_by_route(tmp_path: Path) -> None:
    with in_process(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3") as api:
        api.client.get("/health")
        lines = api.client.get("/metrics").text.splitlines()
        assert 'reelscope_http_answer_seconds_count{route="/health"} 1.0' in lines
