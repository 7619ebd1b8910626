"""What is left of the message without sound, and what without picture.

Message: the content words that are spoken, and those that are laid over the picture. Formulas and limits: docs/insights.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reelscope.document.evidence import Channel, Evidence, Lack
from reelscope.document.insights.base import Span, spans, unavailable
from reelscope.document.measures.stop_words import content, stop_words
from reelscope.document.schema import Insight, Model, Seconds, Value
from reelscope.timebase import Interval, clip_to, coverage, intersect, merge, subtract, total_s

__all__ = ["RESULT", "MuteTest", "WithoutPicture", "WithoutSound", "measure"]

# A caption may stand a little before or after its words: an editor's captions are set to phrases, automatic ones lag. Longer than that and
# whoever watches reads it as something else.
WINDOW_S = 1.0
MOST_WORDS = 40  # that are listed by name; the counts are of all

NO_TRACK = "the clip has no sound track"


class LostWord(Model):
    """A content word that does not survive, and when it is spoken or first stands on the screen."""

    t_s: Seconds
    word: str


class WithoutSound(Model):
    """The clip watched with the sound off.

    Attributes:
        spoken_words: Content words that are spoken, each as often as it is.
        on_screen_words: Those of them that stand in a text laid over the picture at most WINDOW_S before or after they are spoken.
        on_screen_share: on_screen_words over spoken_words.
        voice_s: Seconds in which somebody speaks; voice_with_text_s: those of them with a text laid over the picture;
            voice_with_text_share: their share.
        voice_without_text: When somebody speaks and nothing stands to be read.
        lost: Spoken content words that do not stand on the screen, in order, at most 40.
    """

    spoken_words: int | None = None
    on_screen_words: int | None = None
    on_screen_share: Value = None
    voice_s: Seconds | None = None
    voice_with_text_s: Seconds | None = None
    voice_with_text_share: Value = None
    voice_without_text: list[Span] | None = None
    lost: list[LostWord] | None = None


class WithoutPicture(Model):
    """The clip heard with the eyes closed.

    Attributes:
        overlaid_words: Content words of the texts laid over the picture, each text counted once.
        spoken_words: Those of them that are spoken at most WINDOW_S before their text comes or after it goes.
        spoken_share: spoken_words over overlaid_words.
        voice_share: Share of the clip's time in which somebody speaks.
        music_share: In which music is heard.
        heard_share: In which somebody speaks, music is heard or a sound has a name (an event).
        not_silent_share: In which the sound is above the level of silence, whatever it is.
        lost: Content words on the screen that nobody speaks, in order, at most 40.
    """

    overlaid_words: int | None = None
    spoken_words: int | None = None
    spoken_share: Value = None
    voice_share: Value = None
    music_share: Value = None
    heard_share: Value = None
    not_silent_share: Value = None
    lost: list[LostWord] | None = None


class MuteTest(Insight):
    """What survives without sound, and without picture.

    Attributes:
        language: Of the transcript.
        stop_words: Language whose list of stop words was taken away; null: none was, every word counts.
        window_s: How far apart in time a word and its text may be.
        without_sound, without_picture: The two tests; null figures have their reason under not_measured as `without_sound.NAME`.
    """

    language: str | None = None
    stop_words: str | None = None
    window_s: Seconds | None = None
    without_sound: WithoutSound | None = None
    without_picture: WithoutPicture | None = None


RESULT = MuteTest


@dataclass(frozen=True, slots=True)
class _Content:
    """A text's or a word's content words and when they are there."""

    start_s: float
    end_s: float
    words: tuple[str, ...]


def measure(evidence: Evidence) -> MuteTest:
    """Both tests; unavailable only where neither voice nor text is known."""
    if not evidence.overlays.known and not evidence.voice.known and not evidence.words.known:
        return unavailable(MuteTest, evidence.overlays.lack or Lack("nothing was measured"))
    language = evidence.summary("speech_transcription").get("language")
    stops = stop_words(language)
    said = [_Content(w.start_s, w.end_s, content(w.text, stops)) for w in evidence.words.items]
    shown = [_Content(t.start_s, t.end_s, content(t.text, stops)) for t in evidence.overlays.items]
    result = MuteTest(
        language=language,
        stop_words=language.split("-")[0] if stops else None,
        window_s=WINDOW_S,
        hint=evidence.words.lack.hint if evidence.words.lack is not None else None,
    )
    result.without_sound = _without_sound(evidence, said, shown, result.not_measured)
    result.without_picture = _without_picture(evidence, said, shown, result.not_measured)
    return result


def _without_sound(evidence: Evidence, said: Sequence[_Content], shown: Sequence[_Content], why: dict[str, str]) -> WithoutSound:
    out = WithoutSound()
    lack = _first_lack(evidence.words, evidence.overlays) if evidence.has_sound else Lack(NO_TRACK)
    if lack is not None:
        why |= dict.fromkeys(_names("without_sound", "spoken_words", "on_screen_words", "on_screen_share"), lack.reason)
    else:
        there, lost = _found(said, shown)
        out.spoken_words, out.on_screen_words, out.lost = there + len(lost), there, lost[:MOST_WORDS]
        if out.spoken_words:
            out.on_screen_share = there / out.spoken_words
        else:
            why["without_sound.on_screen_share"] = "no content word is spoken"
    lack = _first_lack(evidence.voice, evidence.overlays) if evidence.has_sound else Lack(NO_TRACK)
    if lack is not None:
        why |= dict.fromkeys(_names("without_sound", "voice_s", "voice_with_text_s", "voice_with_text_share"), lack.reason)
        return out
    voice = list(evidence.voice.items)
    text = clip_to(((t.start_s, t.end_s) for t in evidence.overlays.items), evidence.bounds)
    out.voice_s, out.voice_with_text_s = total_s(voice), total_s(intersect(voice, text))
    out.voice_without_text = spans(subtract(voice, text))
    if out.voice_s:
        out.voice_with_text_share = min(1.0, out.voice_with_text_s / out.voice_s)
    else:
        why["without_sound.voice_with_text_share"] = "nobody speaks"
    return out


def _without_picture(evidence: Evidence, said: Sequence[_Content], shown: Sequence[_Content], why: dict[str, str]) -> WithoutPicture:
    out = WithoutPicture()
    lack = _first_lack(evidence.words if evidence.has_sound else Channel(lack=Lack(NO_TRACK)), evidence.overlays)
    if lack is not None:
        why |= dict.fromkeys(_names("without_picture", "overlaid_words", "spoken_words", "spoken_share"), lack.reason)
    else:
        there, lost = _found(shown, said)
        out.overlaid_words, out.spoken_words, out.lost = there + len(lost), there, lost[:MOST_WORDS]
        if out.overlaid_words:
            out.spoken_share = there / out.overlaid_words
        else:
            why["without_picture.spoken_share"] = "no text with a content word is laid over the picture"
    if not evidence.has_sound:  # a fact of the file: nothing is heard at all
        out.voice_share = out.music_share = out.heard_share = out.not_silent_share = 0.0
        return out
    music, silence = evidence.heard("music"), evidence.silence
    events = [(s.start_s, s.end_s) for s in evidence.sounds.items if s.kind == "event"]
    out.voice_share = _share(evidence, evidence.voice, evidence.voice.items, "voice_share", why)
    out.music_share = _share(evidence, music, music.items, "music_share", why)
    both = evidence.sounds if evidence.voice.known else evidence.voice
    out.heard_share = _share(evidence, both, [*evidence.voice.items, *music.items, *events], "heard_share", why)
    loud = subtract([evidence.bounds], silence.items)
    out.not_silent_share = _share(evidence, silence, loud, "not_silent_share", why)
    return out


def _share(evidence: Evidence, channel: Channel, intervals: Sequence[Interval], name: str, why: dict[str, str]) -> float | None:
    """Share of the clip's time; None with the reason where the channel was not measured."""
    if channel.lack is not None:
        why[f"without_picture.{name}"] = channel.lack.reason
        return None
    return coverage(merge(intervals), evidence.duration_s)


def _found(wanted: Sequence[_Content], there: Sequence[_Content]) -> tuple[int, list[LostWord]]:
    """How many words of `wanted` stand in `there` within the window of time, and those that do not."""
    count = 0
    lost: list[LostWord] = []
    for one in wanted:
        if not one.words:
            continue
        near = {w for o in there if o.start_s <= one.end_s + WINDOW_S and o.end_s >= one.start_s - WINDOW_S for w in o.words}
        for word in one.words:
            if word in near:
                count += 1
            else:
                lost.append(LostWord(t_s=one.start_s, word=word))
    return count, lost


def _first_lack(*channels: Channel) -> Lack | None:
    return next((c.lack for c in channels if c.lack is not None), None)


def _names(part: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{part}.{name}" for name in names)
