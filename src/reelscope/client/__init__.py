"""Talk to a reelscope server from Python: `reelscope.Client`."""

from reelscope.client.client import Client
from reelscope.client.errors import ApiError
from reelscope.client.retry import Retries

__all__ = ["ApiError", "Client", "Retries"]
