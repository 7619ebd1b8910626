"""Words that carry no message of their own, by language: articles, pronouns, prepositions, conjunctions and auxiliaries.

The lists are short on purpose: what they miss counts as a content word, which errs on the side of "there is something to say". Negations
("not", "nicht", "no") are content: without them a message turns round. A language without a list has no stop words.
"""

from __future__ import annotations

from reelscope.document.measures.words import tokens

__all__ = ["LANGUAGES", "content", "stop_words"]

_LISTS = {
    "en": "a an the and or but so of to in on at by for from with as into about than then that this these those it its it's i i'm i've "
    "i'll you you're your we we're our us he he's his him she she's her they they're their them my me is are was were be been being am do "
    "does did have has had will would can could should may might there here if just",
    "de": "der die das den dem des ein eine einen einem einer eines und oder aber so zu in im an am auf bei von vom für mit als aus nach "
    "um über dass es ich du er sie wir ihr mich dich ihn uns euch mir dir ihm ihnen mein dein sein unser ist sind war waren bin bist "
    "wird werden hat haben habe hatte kann können da dann wenn ja mal",
    "es": "el la los las un una unos unas y o pero de del a al en por para con como que lo le les se me te nos mi tu su yo tú él ella "
    "ellos ellas es son era eran ser está están ha han he hay si este esta esto eso",
    "fr": "le la les l un une des et ou mais de du d à au aux en par pour avec comme que qu ce c cette ces il elle ils elles on je j tu "
    "nous vous me m te t se s mon ton son ma ta sa mes tes ses est sont était être ai as a ont y si",
}

LANGUAGES = tuple(_LISTS)

_SETS = {language: frozenset(t for w in words.split() for t in tokens(w)) for language, words in _LISTS.items()}


def stop_words(language: str | None) -> frozenset[str]:
    """Of a language by its code ("en", "de-AT"); empty where there is no list."""
    return _SETS.get((language or "").split("-")[0].split("_")[0].lower(), frozenset())


def content(text: str, stops: frozenset[str]) -> tuple[str, ...]:
    """The tokens of a text without stop words."""
    return tuple(t for t in tokens(text) if t not in stops)
