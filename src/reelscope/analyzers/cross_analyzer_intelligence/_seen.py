"""Cuts against beats; who may be speaking on camera; what the apps hide."""

from __future__ import annotations

from collections.abc import Sequence

from reelscope.analyzers.cross_analyzer_intelligence._made import Found, Turns, cells, claim, clip_spans
from reelscope.analyzers.cross_analyzer_intelligence._result import Clue
from reelscope.document.evidence import Channel, Evidence, Face
from reelscope.document.insights import safe_zones
from reelscope.document.measures.beats import cuts_on_beats
from reelscope.timebase import Interval, intersect, meeting, merge, total_s

__all__ = ["beats", "speaker", "zones"]

ON_CAMERA_LEAST = 0.9  # share of a phrase with one face: a blink of the tracker is forgiven, a cut-away is not
VOICE_OVER_MOST = 0.1  # share with any face
PHRASE_LEAST_S = 0.5  # a shorter one is a word or two, seen in two or three samples
MOST_PHRASES = 200  # a minute has 25; a film of an hour 1500, a megabyte of claims


def beats(evidence: Evidence, found: Found) -> None:
    """cut_to_beat."""
    if found.lacks(("cut_to_beat",), evidence.cuts, evidence.beats, Channel(lack=evidence.staged)):
        return
    match = cuts_on_beats((c.start_s for c in evidence.cuts.items if c.kind == "cut"), evidence.beats.items)
    if not match.examined:
        found.not_measured["cut_to_beat"] = match.reason or "too few cuts inside the pulse"
        return
    rows = [
        Clue(source="cut_analysis", what="on_beat" if x.on_beat else "off_beat", t_s=x.t_s, value=x.offset_s, unit="s after the beat")
        for x in match.landings
    ]
    found.claims.append(
        claim(
            "cut_to_beat",
            (max(0.0, match.pulse[0][0]), min(match.pulse[-1][1], evidence.duration_s)),
            holds=match.holds,
            strength=match.share,
            chance=match.chance,
            reason=match.reason,
            figures={"cuts": match.cuts, "on_beat": match.on_beat, "lift": match.lift, "by_chance": match.by_chance},
            evidence=rows,
        )
    )


def speaker(evidence: Evidence, found: Found) -> None:
    """speaker_may_be_on_camera and voice_over, for each phrase: who speaks without a pause goes on through many shots."""
    names = ("speaker_may_be_on_camera", "voice_over")
    if found.lacks(names, evidence.phrases, evidence.faces):
        return
    phrases = _phrases(evidence, found)
    if not phrases:
        found.not_measured |= dict.fromkeys(names, f"nobody speaks for {PHRASE_LEAST_S:g} s")
        return
    some, one = merge(evidence.face_time.items), _alone(evidence.faces.items)
    looking = merge((x.start_s, x.end_s) for x in evidence.looks.items if x.at_camera)
    some_turned, one_turned = Turns(some, evidence.duration_s), Turns(one, evidence.duration_s)
    source = evidence.faces_from
    for number, span in phrases:
        parts, spoken = [span], span[1] - span[0]
        near_some = meeting(some, span)
        alone, any_face, at_camera = (
            total_s(intersect(parts, where)) / spoken for where in (meeting(one, span), near_some, meeting(looking, span))
        )
        said = cells(parts, evidence.duration_s)
        likely_alone = one_turned.rate([_part(m, said) >= ON_CAMERA_LEAST for m in one_turned.masks])
        likely_none = some_turned.rate([_part(m, said) <= VOICE_OVER_MOST for m in some_turned.masks])
        seen = clip_spans(intersect(parts, near_some), source, "face")
        found.claims.append(
            claim(
                "speaker_may_be_on_camera",
                span,
                holds=alone >= ON_CAMERA_LEAST,
                strength=alone,
                chance=likely_alone,
                subject=f"phrase {number}",
                reason=f"one face alone is seen in {alone:.2f} of it, {ON_CAMERA_LEAST:g} are needed",
                figures={"at_camera_share": at_camera if evidence.looks.known else None},
                evidence=seen,
            )
        )
        found.claims.append(
            claim(
                "voice_over",
                span,
                holds=any_face <= VOICE_OVER_MOST,
                strength=1 - any_face,
                chance=likely_none,
                subject=f"phrase {number}",
                reason=f"a face is seen in {any_face:.2f} of it, {VOICE_OVER_MOST:g} are allowed",
                evidence=seen,
            )
        )


def _phrases(evidence: Evidence, found: Found) -> list[tuple[int, Interval]]:
    """Numbers and times of the phrases that are long enough; the longest, where there are very many."""
    spans = enumerate((p.start_s, min(p.end_s, evidence.duration_s)) for p in evidence.phrases.items)
    long = [(number, span) for number, span in spans if span[1] - span[0] >= PHRASE_LEAST_S]
    if len(long) > MOST_PHRASES:
        found.warnings.append(f"of {len(long)} phrases the {MOST_PHRASES} longest were examined for who is seen while they are spoken")
        long = sorted(sorted(long, key=lambda p: p[1][0] - p[1][1])[:MOST_PHRASES], key=lambda p: p[1])
    return long


def _alone(faces: Sequence[Face]) -> list[Interval]:
    """When exactly one face is seen."""
    edges = sorted((t, turn) for f in faces if f.end_s > f.start_s for t, turn in ((f.start_s, 1), (f.end_s, -1)))
    out: list[Interval] = []
    seen = 0
    for (t, turn), (after, _) in zip(edges, edges[1:], strict=False):
        seen += turn
        if seen == 1 and after > t:
            out.append((t, after))
    return merge(out)


def _part(mask: int, of: int) -> float:
    """Share of some cells that others cover."""
    whole = of.bit_count()
    return (mask & of).bit_count() / whole if whole else 0.0


def zones(evidence: Evidence, found: Found) -> None:
    """text_hidden and face_hidden, for each app and stretch of time; the figures are those of the insight safe_zones."""
    insight = safe_zones.measure(evidence)
    if insight.status != "ok":
        found.not_measured |= dict.fromkeys(("text_hidden", "face_hidden"), insight.reason or insight.status)
        return
    limits = {"text": insight.text_limit or 0.0, "face": insight.face_limit or 0.0}
    for app, totals in insight.totals.items():
        for what, things, spans in (("text", insight.texts, totals.text_spans), ("face", insight.faces, totals.face_spans)):
            name = "text_hidden" if what == "text" else "face_hidden"
            share = totals.texts_share if what == "text" else totals.faces_share
            if things is None or spans is None:
                found.not_measured[name] = insight.not_measured.get(f"{what}s", f"no {what}s were measured")
                continue
            if not things:
                found.not_measured.setdefault(name, f"no {what} is seen")
                continue
            source = "text_overlay" if what == "text" else evidence.faces_from
            rows = [
                Clue(
                    source=source,
                    what="hidden",
                    t_s=x.start_s,
                    end_s=x.end_s,
                    text=getattr(x, "text", None),
                    value=x.zones[app].share,
                    unit="share",
                )
                for x in things
                if x.zones[app].hidden_s
            ]
            hidden = [(s.start_s, s.end_s) for s in spans]
            for span in hidden or [evidence.bounds]:  # one claim for each stretch in which something is hidden
                found.claims.append(
                    claim(
                        name,
                        span,
                        holds=bool(hidden),
                        strength=share,
                        subject=app,
                        reason=f"none is hidden for more than {limits[what]:.0%} of its box",
                        figures={"hidden_s": span[1] - span[0] if hidden else 0.0},
                        evidence=[r for r in rows if r.t_s < span[1] and (r.end_s or r.t_s) > span[0]],
                    )
                )
