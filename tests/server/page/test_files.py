"""The page's files: nothing in them needs a looser policy, all that they name is there."""

from __future__ import annotations

import re

from reelscope.server.web import ASSETS, files


def test_nothing_of_the_page_needs_a_looser_policy() -> None:
    page = files()["/"][1].decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page)
    for path, (kind, body) in files().items():
        if kind.startswith("text/javascript"):
            found = re.search(
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setTimeout\(\s*[\"'`]|https?://(?!www\.w3\.org/2000/svg)(?!\$)",
                body.decode(),
            )
            assert found is None or body.decode()[found.start() :].startswith("https://${word}"), f"{path}: {found}"


def test_every_module_is_there_and_asked_for_at_once() -> None:
    page = files()["/"][1].decode()
    scripts = {path for path, (kind, _) in files().items() if kind.startswith("text/javascript")}
    imported = {name for path in scripts for name in re.findall(r'from "([^"]+)"', files()[path][1].decode())}
    assert imported | {f"{ASSETS}app.js"} == scripts
    assert set(re.findall(r'modulepreload" href="([^"]+)"', page)) == scripts - {f"{ASSETS}app.js"}  # else they come one after another
    assert set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', page)) <= set(files())


def test_every_icon_that_is_drawn_exists() -> None:
    page = files()["/"][1].decode()
    text = "\n".join(body.decode() for kind, body in files().values() if kind.startswith("text/"))
    used = set(re.findall(r'icon\("(\w+)"\)|ic: "(\w+)"|href="#i-(\w+)"', text))
    assert {name for names in used for name in names if name} == set(re.findall(r'symbol id="i-(\w+)"', page))
