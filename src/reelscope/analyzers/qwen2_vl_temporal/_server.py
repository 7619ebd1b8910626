"""A model behind a local server that speaks the OpenAI chat protocol (vLLM, SGLang, llama.cpp): pictures as JPEG, answers as text."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from reelscope.analyzers.qwen2_vl_temporal._answers import clean
from reelscope.analyzers.qwen2_vl_temporal._asking import NO_TIME, Ask, Reply
from reelscope.analyzers.qwen2_vl_temporal._http import Address, HttpError, Unreachable, call
from reelscope.analyzers.qwen2_vl_temporal._prompt import SYSTEM
from reelscope.errors import AnalyzerError

__all__ = ["Server", "jpeg"]

JPEG_QUALITY = 90  # above it files grow and what a model of 28 px patches sees does not
TRIES = 4  # of a request that the server is too busy for: 0.5 + 1 + 2 s of waiting between them
BACKOFF_S = 0.5
MAX_WAIT_S = 10.0  # a server may ask for longer; then the segment fails and says so
BUSY = (429, 503)
SEED = 0
HINT = "start the server, or correct qwen2_vl_temporal.server"


def jpeg(rgb: Any) -> bytes:
    """A picture (uint8 [h, w, 3]) as JPEG."""
    import cv2

    done, data = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise AnalyzerError("a frame could not be encoded as JPEG")
    return bytes(data)


class Server:
    """Answers through a server; an Asker.

    Args:
        address: Where it listens. model: its name there; None: the one that it offers.
        at_once: Requests under way at the same time. timeout_s: for one request.
        send, sleep, clock: For tests.

    Raises:
        AnalyzerError: It does not answer, or offers no model or several of which none was named.
    """

    def __init__(
        self,
        address: Address,
        *,
        model: str | None = None,
        at_once: int = 4,
        timeout_s: float = 120.0,
        send: Callable[..., Any] = call,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address, self._at_once, self._timeout_s = address, at_once, timeout_s
        self._send, self._sleep, self._clock = send, sleep, clock
        self._shaped = True  # until the server refuses a JSON Schema
        self.models: dict[str, None] = {}  # that answered, in order
        self.model = model or self._offered()

    def _offered(self) -> str:
        try:
            found = self._send(self._address, "GET", "/models", None, until=self._clock() + self._timeout_s)
            names = [clean(str(m["id"]))[:200] for m in found["data"]]
        except Unreachable as error:
            raise AnalyzerError(f"the server at {self._address}: {error}", code="server_unreachable", hint=HINT) from None
        except HttpError as error:
            raise AnalyzerError(f"the server at {self._address}: {error}", code="server_failed", hint=HINT) from None
        except (KeyError, TypeError):
            raise AnalyzerError(f"the server at {self._address} does not list its models", code="server_failed", hint=HINT) from None
        if len(names) != 1:
            said = f"offers {len(names)} models ({', '.join(names[:5])})" if names else "offers no model"
            raise AnalyzerError(f"the server at {self._address} {said}", code="server_failed", hint="set qwen2_vl_temporal.server_model")
        return names[0]

    def answer(self, asks: Sequence[Ask], until: float) -> list[Reply]:
        """A reply to each, in order.

        Raises:
            AnalyzerError: Nobody listens at the address any more.
        """
        with ThreadPoolExecutor(self._at_once, thread_name_prefix="ask-server") as pool:
            return list(pool.map(lambda ask: self._one(ask, until), asks))

    def _one(self, ask: Ask, until: float) -> Reply:
        body = self._body(ask)
        for attempt in range(TRIES):
            if self._clock() >= until:
                return Reply(error=NO_TIME)
            limit = min(until, self._clock() + self._timeout_s)
            if self._shaped:
                body["response_format"] = {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "strict": True, "schema": ask.schema},
                }  # fmt: skip
            else:
                body.pop("response_format", None)
            try:
                return self._read(self._send(self._address, "POST", "/chat/completions", body, until=limit))
            except Unreachable as error:
                raise AnalyzerError(f"the server at {self._address}: {error}", code="server_unreachable", hint=HINT) from None
            except HttpError as error:
                if error.timed_out and limit >= until:
                    return Reply(error=NO_TIME)
                if error.status == 400 and "response_format" in body:
                    self._shaped = False
                    continue
                wait_s = BACKOFF_S * 2**attempt if error.retry_after_s is None else error.retry_after_s
                if error.status not in BUSY or attempt == TRIES - 1 or wait_s > MAX_WAIT_S or self._clock() + wait_s >= until:
                    return Reply(error=str(error))
                self._sleep(wait_s)
        return Reply(error="the server refused the question")

    def _body(self, ask: Ask) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        for picture in [*([ask.before] if ask.before is not None else []), *ask.frames]:
            url = "data:image/jpeg;base64," + base64.b64encode(jpeg(picture)).decode()
            parts.append({"type": "image_url", "image_url": {"url": url}})
        parts.append({"type": "text", "text": ask.text})
        messages: list[dict[str, Any]] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": parts}]
        for answered, asked in ask.turns:
            messages += [{"role": "assistant", "content": answered}, {"role": "user", "content": asked}]
        return {
            "model": self.model, "messages": messages, "max_tokens": ask.tokens, "temperature": 0, "seed": SEED, "n": 1, "stream": False,
        }  # fmt: skip

    def _read(self, found: Any) -> Reply:
        try:
            choice = found["choices"][0]
            text = choice["message"]["content"]
            if not isinstance(text, str):
                raise TypeError
        except (KeyError, IndexError, TypeError):
            return Reply(error="the server's answer has no text")
        self.models[clean(str(found.get("model") or self.model))[:200]] = None
        usage = found.get("usage")
        count = usage.get("completion_tokens") if isinstance(usage, dict) else None
        return Reply(text, tokens=count if isinstance(count, int) and count >= 0 else 0, cut=choice.get("finish_reason") == "length")
