"""How often and after what pause a call is made again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from reelscope.client.errors import BUSY, ApiError

__all__ = ["Backoff", "Retries"]


@dataclass(frozen=True, slots=True)
class Retries:
    """Patience of a client.

    Attributes:
        times: Calls after the first one; 0: none. Four, with their pauses, last four seconds: a server's restart.
        unseen_times: The same where no connection was ever made: nobody may have started the server, and waiting would only hide that.
        first_s: Pause before the first of them; doubles from one to the next, with a quarter more or less by chance, so that clients
            which lost the same server do not come back in step.
        longest_s: Longest pause of its own accord.
        patience_s: Longest pause that a server may ask for (Retry-After); where it asks for more, its refusal is the answer.
    """

    times: int = 4
    unseen_times: int = 2
    first_s: float = 0.25
    longest_s: float = 8.0
    patience_s: float = 30.0

    def pause_s(self, failures: int, *, chance: float = 0.5) -> float:
        """Pause after so many failures before (0: the first one). chance: 0-1."""
        return min(self.longest_s, self.first_s * 2.0 ** min(failures, 30)) * (0.75 + 0.5 * chance)


@dataclass(slots=True)
class Backoff:
    """Counts the failures of one call. seen: whether the server was there before."""

    retries: Retries
    sleep: Callable[[float], None]
    seen: Callable[[], bool] = lambda: True
    failures: int = field(default=0)

    def again(self, error: ApiError) -> None:
        """Wait before the next try.

        Raises:
            ApiError: The error itself, where another try would not help or there were enough.
        """
        worth_it = error.retryable and (error.status == 0 or error.status in BUSY)
        most = self.retries.times if error.code != "no_server" or self.seen() else min(self.retries.times, self.retries.unseen_times)
        if not worth_it or self.failures >= most or (error.retry_after_s or 0.0) > self.retries.patience_s:
            raise error
        own = self.retries.pause_s(self.failures, chance=random.random())
        self.failures += 1
        self.sleep(own if error.retry_after_s is None else max(error.retry_after_s, 0.0))

    def reset(self) -> None:
        """Something arrived: the next failure is a first one."""
        self.failures = 0
