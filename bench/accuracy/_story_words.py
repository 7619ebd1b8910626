"""Sentences for composed stories by part, language and what they plant. The rules were fixed on "tune"; "report" was written after them.

`trap` holds sentences with the words of a call or a contrast that are none; `plain` and `caption` plant nothing.
"""

from __future__ import annotations

__all__ = ["WORDS"]

WORDS: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {
    "tune": {
        "en": {
            "hook": ("Did you know this about coffee?", "Three mistakes you make every morning", "Stop doing this at home"),
            "title": ("5 habits for slow days", "what nobody tells you", "POV: it is 6 am"),
            "turn": ("But then everything changed", "Suddenly it got loud", "However, it broke"),
            "call": ("Follow for more", "Subscribe for part two", "Link in my bio"),
            "plain": ("The light comes in from the left", "We walk down to the lake", "It is a quiet morning", "My dog sleeps a lot"),
            "caption": ("Rome in spring", "the old kitchen", "my dog Oscar", "a slow day"),
            "trap": ("The link in the chain is old", "I follow my dog everywhere", "Nothing but flour and water"),
            "promise": ("wait for it...", "watch till the end"),
        },
        "de": {
            "hook": ("Wusstest du das schon?", "Drei Fehler die du jeden Tag machst"),
            "title": ("5 Tipps gegen Chaos", "Niemand sagt dir das"),
            "turn": ("Aber dann kam alles anders", "Plötzlich war es laut"),
            "call": ("Folge mir für mehr", "Abonniere den Kanal"),
            "plain": ("Das Licht kommt von links", "Wir gehen langsam zum See", "Es ist ein ruhiger Morgen"),
            "caption": ("Rom im Frühling", "die alte Küche"),
            "trap": ("Wir folgen dem Weg", "Das Kabel ist am Ende"),
            "promise": ("warte ab",),
        },
        "ru": {
            "hook": ("Знаешь ли ты почему это так?",),
            "title": ("5 habits for slow days",),
            "turn": ("Но вдруг всё изменилось",),
            "call": ("Подпишись на канал",),
            "plain": ("Свет идёт слева", "Мы идём к озеру", "Утро очень тихое"),
            "caption": ("Rome in spring",),
            "trap": ("Эта ссылка на старую книгу",),
            "promise": ("wait for it...",),
        },
    },
    "report": {
        "en": {
            "hook": (
                "Why does nobody talk about this?", "You have been cutting onions wrong", "Never buy these three things again",
                "Have you ever seen a bird do this?",
            ),
            "title": ("3 secrets of good bread", "you need to see this", "How I saved 200 dollars", "don't skip this"),
            "turn": ("But wait, something is wrong here", "And then it happened", "Until one day it stopped", "Plot twist, it was empty"),
            "call": (
                "If you liked this, follow me for more", "Save this for later", "Comment below what you think",
                "Tag a friend who needs this",
                "Check the link in the description", "Don't forget to subscribe",
            ),
            "plain": (
                "These are the hills behind our house", "He waters the plants at noon", "A train goes by every hour",
                "She keeps her tools in a box", "The bread rests for a while",
            ),
            "caption": ("Lisbon, May", "grandma's garden", "track three", "the blue door", "after lunch"),
            "trap": (
                "They share a room in town", "He likes the comments section", "She subscribes to the idea", "Nobody but the cat was home",
                "The code of the house is simple",
            ),
            "promise": ("wait for the end", "you won't believe it"),
        },
        "de": {
            "hook": ("Warum redet keiner darüber?", "Hör auf deine Pfanne so zu spülen"),
            "title": ("3 Dinge die keiner weiß", "So geht perfekter Reis"),
            "turn": ("Doch plötzlich ging das Licht aus", "Aber das war falsch"),
            "call": ("Speicher dir das für später", "Schreib es mir in die Kommentare", "Lass ein Abo da"),
            "plain": ("Hinter dem Haus liegen Hügel", "Mittags gießt er die Blumen", "Jede Stunde fährt ein Zug"),
            "caption": ("Lissabon im Mai", "Omas Garten", "Gleis drei"),
            "trap": ("Sie teilen sich ein Zimmer", "Die Folgen sind klein"),
            "promise": ("warte bis zum Ende",),
        },
        "es": {
            "hook": ("¿Sabías que esto es malo?", "Deja de hacer esto en casa"),
            "title": ("3 secretos del buen pan", "Nadie te cuenta esto"),
            "turn": ("Pero de repente se apagó la luz", "Pero algo salió mal"),
            "call": ("Sígueme para más", "Comenta qué te parece", "Guarda este video"),
            "plain": ("Detrás de la casa hay colinas", "Al mediodía riega las plantas", "Cada hora pasa un tren"),
            "caption": ("Lisboa en mayo", "el jardin azul"),
            "trap": ("Ellos comparten una casa", "El perro sigue el camino"),
            "promise": ("quédate hasta el final",),
        },
        "fr": {
            "hook": ("Pourquoi personne n'en parle ?", "Tu coupes mal tes oignons"),
            "title": ("3 secrets du bon pain", "Personne ne te dit ça"),
            "turn": ("Mais soudain tout s'arrête", "Mais rien ne marche"),
            "call": ("Abonne-toi pour la suite", "Enregistre cette vidéo", "Dis-moi en commentaire"),
            "plain": ("Derrière la maison il y a des collines", "À midi il arrose les plantes", "Un train passe chaque heure"),
            "caption": ("Lisbonne en mai", "le jardin bleu"),
            "trap": ("Ils partagent une chambre", "Le chemin suit la mer"),
            "promise": ("attends la fin",),
        },
        "it": {
            "hook": ("Perché nessuno ne parla?", "Smetti di fare questo errore"),
            "title": ("3 segreti del buon pane",),
            "turn": ("Ma all'improvviso si spegne tutto",),
            "call": ("Seguimi per altri video", "Salva questo video"),
            "plain": ("Dietro la casa ci sono colline", "A mezzogiorno annaffia le piante", "Ogni ora passa un treno"),
            "caption": ("Lisbona a maggio",),
            "trap": ("La strada segue il mare",),
            "promise": ("aspetta la fine",),
        },
        "ru": {
            "hook": ("Почему никто об этом не говорит?", "Хватит резать лук неправильно"),
            "title": ("3 secrets of good bread",),
            "turn": ("Но потом погас свет", "Однако всё сломалось"),
            "call": ("Сохрани это видео", "Напиши в комментариях", "Ставь лайк"),
            "plain": ("За домом стоят холмы", "В полдень он поливает цветы", "Каждый час идёт поезд"),
            "caption": ("Lisbon, May",),
            "trap": ("Они делят одну комнату",),
            "promise": ("wait for the end",),
        },
    },
}  # fmt: skip
