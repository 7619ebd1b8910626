"""Two thousand damaged files through a worker's code path, a hundred over HTTP: no crash, no hang, no leak; a clear error or a document."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from reelscope.errors import NotApplicable
from reelscope.media.probe import probe
from reelscope.media.sound import decode_sound
from tests.faults.mutants import Bulk, Mutants, asked_of, complaints
from tests.faults.siege import Kind, Posters, siege

MUTANTS, OVER_HTTP = 2000, 100


@pytest.mark.slow
def test_damaged_files_through_a_workers_code_path(tmp_path: Path) -> None:
    half = MUTANTS // 2
    bulks = [Bulk(tmp_path / f"{first}", first, first + half) for first in (0, half)]
    with ThreadPoolExecutor(len(bulks)) as pool:
        list(pool.map(Bulk.run, bulks))
    told = [row for bulk in bulks for row in bulk.told]
    died = [f"{index}: {how}" for bulk in bulks for index, how in bulk.died]
    print(f"{len(told)} files: {bulks[0].summary(told)}; died: {len(died)}")
    assert len(told) == MUTANTS and died == []
    assert [text for row in told for text in complaints(row)] == []
    for bulk in bulks:
        assert bulk.leaks() == []
    states = [row["state"] for row in told]
    assert min(states.count("done"), states.count("failed")) > MUTANTS // 10  # else the damage is too small or too great to tell anything


@pytest.mark.slow
def test_damaged_files_over_http(tmp_path: Path) -> None:
    mutants = Mutants(tmp_path / "sources")
    kinds = []
    for index in range(MUTANTS, MUTANTS + OVER_HTTP):  # other ones than above
        name, data = mutants.make(index)
        (tmp_path / name).write_bytes(data)
        kinds.append(Kind(tmp_path / name, asked_of(index)))
    with siege(tmp_path / "server") as place:
        server = psutil.Process(place.served.process.pid)
        workers = {process.pid for process in place.processes("reelscope.server.worker")}
        posters = Posters(place, [(f"mutant-{i}", kind, 5) for i, kind in enumerate(kinds)], seed=1, hang_up=0.0)
        posters.run(4)
        place.wait_for(posters.accepted.values())
        place.settle()
        answers = [place.served.client.get(f"/analyses/{job}").json() for job in posters.accepted.values()]
        for answer in answers:
            place.check_story(place.job(answer["id"]))
            assert complaints(answer | {"name": answer["title"]}) == []
            if answer["state"] == "done":
                document = place.served.client.get(f"/analyses/{answer['id']}/document")
                assert document.status_code == 200 and str(tmp_path) not in document.text
        assert {process.pid for process in place.processes("reelscope.server.worker")} == workers, "a worker died"
        assert server.is_running() and place.served.client.get("/health").status_code == 200


def test_a_sound_track_without_a_rate_is_left_out(tmp_path: Path) -> None:
    """Found by bench.soak: a header that says 0 Hz was an internal error."""
    name, data = Mutants(tmp_path / "sources").make(5828)
    path = tmp_path / name
    path.write_bytes(data)
    found = probe(path)
    assert found.audio_index is None and found.video_index is not None
    assert any("without sound" in warning for warning in found.media.warnings)


def test_sound_that_nothing_can_convert_could_not_be_decoded(tmp_path: Path) -> None:
    """Found by bench.soak: frames of a forged layout were an internal error."""
    name, data = Mutants(tmp_path / "sources").make(9437)
    path = tmp_path / name
    path.write_bytes(data)
    found = probe(path)
    assert found.audio_index is not None
    with pytest.raises(NotApplicable) as caught:
        decode_sound(found, tmp_path)
    assert caught.value.code == "sound_undecodable"
