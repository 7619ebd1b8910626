"""Jobs over HTTP while the server, its workers and their engines are killed at random: each has one end, and it is the quiet one."""

from __future__ import annotations

import random
from collections.abc import Collection
from pathlib import Path

import pytest

from tests.faults.siege import Hunter, Kind, Posters, Siege, kinds_of, server_dies, siege
from tests.postgres import Postgres

SEED = 6


def submissions(kinds: list[Kind], count: int) -> list[tuple[str, Kind, int]]:
    """Keys, kinds and priorities of so many jobs, in random order."""
    chance = random.Random(SEED)
    return [(f"job-{i}", chance.choice(kinds), chance.randint(1, 10)) for i in range(count)]


def survive(place: Siege, kinds: list[Kind], count: int, hunter: Hunter, *, pause_s: float, needed: Collection[str] = ()) -> None:
    """Hand in so many jobs while the hunter is out, and check what became of them. needed: kinds of kills for which there is work."""
    quiet = place.quiet(kinds)
    assert {outcome.state for outcome in quiet.values()} == {"done", "failed"}
    work = submissions(kinds, count)
    posters = Posters(place, work, SEED, pause_s)
    with hunter:
        posters.run(2)
        while not {*needed} <= {*place.kills} and not hunter.errors:  # all was done before that: it can only be hit while it works
            work.append((f"job-{len(work)}", kinds[len(work) % len(kinds)], 5))
            posters.work = work[-1:]
            posters.run(1)
        hunter.join()  # the last of its strikes falls into the work as well
        place.served.ready()
        place.wait_for(posters.accepted.values())
    attempts = place.check({key: kind for key, kind, _ in work}, posters.accepted, quiet, before=len(kinds))
    place.settle()
    print(f"{count} jobs; killed: {', '.join(place.kills)}; {dict(attempts)}; sent again: {posters.again}, repeated: {posters.repeated}")


@pytest.mark.slow
def test_two_hundred_jobs_while_the_server_is_killed_five_times(tmp_path: Path) -> None:
    kinds = kinds_of(tmp_path / "clips")
    with siege(tmp_path) as place:
        survive(place, kinds, 200, Hunter(server_dies(place), SEED, (1.0, 6.0), most=5), pause_s=0.2)
        assert place.kills.count("server") == 5


@pytest.mark.slow
def test_sixty_jobs_on_postgresql_while_the_server_is_killed(tmp_path: Path, postgres: Postgres) -> None:
    kinds = kinds_of(tmp_path / "clips")
    with postgres.database() as url, siege(tmp_path, url) as place:
        survive(place, kinds, 60, Hunter(server_dies(place), SEED, (0.5, 3.0), most=3), pause_s=0.1)
        assert place.kills.count("server") == 3


@pytest.mark.slow
def test_forty_jobs_while_workers_and_engines_are_killed(tmp_path: Path) -> None:
    kinds = kinds_of(tmp_path / "clips")
    needed = ("worker", "engine worker")
    # engines' processes are killed far more often than any clip would do it
    with siege(tmp_path, **{"faults.tries": 50, "placement.workers": 2}) as place:

        def strike(chance: random.Random) -> bool:
            missing = next((kind for kind in needed if kind not in place.kills), None)  # each of them once, however the dice fall
            worker = missing == "worker" if missing is not None else chance.random() < 0.4
            return place.kill_worker() if worker else place.kill_engine_worker(chance)

        survive(place, kinds, 40, Hunter(strike, SEED, (0.3, 1.5), most=8), pause_s=0.3, needed=needed)
        assert set(needed) <= set(place.kills)
