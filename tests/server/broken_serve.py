"""`reelscope` whose server has workers that misbehave (broken_worker): `python -m tests.server.broken_serve serve ...`."""

from __future__ import annotations

import functools

from reelscope.cli import main
from reelscope.server import fleet, parts
from reelscope.server.supervise import Supervisor
from tests.server.places import BROKEN

fleet.LEASE_S = 600.0  # as its workers have it
parts.Supervisor = functools.partial(Supervisor, command=BROKEN)  # type: ignore[misc, assignment]

if __name__ == "__main__":
    main()
