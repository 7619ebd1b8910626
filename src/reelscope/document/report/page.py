"""What every page of ours is made with: templates that escape, the script and the style in parts, the policy that names the script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from reelscope.document.report import facts
from reelscope.document.report.aside import SHOWN
from reelscope.document.report.parts import hint_parts
from reelscope.document.report.words import NA, clean

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["environment", "page_script", "page_style", "policy_of"]


def _finalize(value: object) -> object:
    """What any expression of a template writes: plain strings lose what no HTML file can hold (see `clean`)."""
    return clean(value) if type(value) is str else value


@cache
def environment() -> Environment:
    """Templates of this package: everything is escaped, an unknown name is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    env = Environment(
        loader=PackageLoader("reelscope.document.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.globals["NA"] = NA
    env.globals["hint_parts"] = hint_parts
    env.globals["STATUS_WORDS"] = facts.STATUS_WORDS
    env.globals["GAPS_SHOWN"] = facts.GAPS_SHOWN
    env.globals["ASIDE_SHOWN"] = SHOWN
    return env


@cache
def page_script(parts: Sequence[str]) -> str:
    """Parts of `js/` as one function. It begins with a line feed, which the template would otherwise swallow, and so change its hash."""
    return '\n"use strict";\n(() => {\n' + "".join(_asset(f"js/{name}.js") for name in parts) + "})();\n"


@cache
def page_style(parts: Sequence[str]) -> str:
    """Parts of `css/`, one after the other."""
    return "".join(_asset(f"css/{name}.css") for name in parts)


def _asset(name: str) -> str:
    return resources.files("reelscope.document.report").joinpath(name).read_text(encoding="utf-8")


def policy_of(script: str, *, served: bool = False) -> str:
    """The content security policy of a page with this script, which it names by the hash of its text.

    A clip may be a file beside the page, one that the reader opens (blob), or the server's own; nothing else may be connected to, and
    from disk nothing at all. served: The page may talk to the server that it comes from.
    """
    talks = "connect-src 'self'; " if served else ""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; media-src 'self' file: blob:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        f"{talks}base-uri 'none'; form-action 'none'"
    )
