"""Every address of the API with what its description allows and with what it does not: no crash, every answer as described."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import checks

from tests.server.conftest import Served

pytestmark = pytest.mark.system

LEFT_OUT = ["/analyses/{id}/events", "/monitor/events"]  # streams; tests/server/test_events.py
EXAMPLES = 15
WAIT_S = 90.0  # for an answer: how soon it comes is not asked here
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    limits = ("server.min_free_disk_mib=0", "server.requests_per_minute=1000000", "server.max_upload_mib=1")
    folder = tmp_path_factory.mktemp("openapi")
    found = Served(folder / "data", "--workers", "0", "--root", str(folder), *(a for limit in limits for a in ("--set", limit)))
    yield found
    found.stop()


def test_every_answer_is_as_described(server: Served) -> None:
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json", timeout=WAIT_S).exclude(path=LEFT_OUT)
    tried = []
    for found in schema.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
        def answers(case: schemathesis.Case) -> None:
            (case.query or {}).pop("wait", None)  # up to two minutes
            answer = case.call(timeout=WAIT_S)
            assert answer.status_code == 503 or answer.status_code < 500, answer.text  # 503: not ready, which is no crash
            case.validate_response(answer, checks=CHECKS)

        answers()
        tried.append(operation.label)
    assert len(tried) > 20, tried


def test_the_description_is_whole(server: Served) -> None:
    found = server.client.get("/openapi.json").json()
    seen = set()
    for path, item in found["paths"].items():
        for method, operation in item.items():
            assert operation["operationId"] not in seen, operation["operationId"]
            seen.add(operation["operationId"])
            assert operation.get("summary") and operation.get("tags"), (path, method)
            for status, response in operation["responses"].items():
                if status.startswith(("4", "5")) and "content" in response:
                    shape = response["content"]["application/json"]["schema"]["$ref"]
                    assert shape.rsplit("/", 1)[-1] in ("ErrorBody", "Ready"), (path, method, status)
