"""The words by which a story is told, as tables by language: contrasts, promises, results, openings, and what may lead in a call.

A pattern is a regular expression over the compared words of one clause, parted by single blanks and without accents. `^` means the start
of the clause; what may stand before it all the same is in LEADS for calls ("please", "if you like it") and in LINKS for the rest ("and").
A pattern that begins with `~` means something else in another language of the table, so it counts only where the language is known.
"""

from __future__ import annotations

from reelscope.analyzers.temporal_flow._calls import CALLS

__all__ = ["CONTRASTS", "LANGUAGES", "LEADS", "LINKS", "OPENINGS", "ORDINALS", "PROMISES", "RESULTS", "TABLES", "Table"]

LANGUAGES = ("en", "de", "es", "fr", "it", "pt", "ru")

Table = dict[str, dict[str, tuple[str, ...]]]
"""Kind of the pattern -> language -> patterns."""

LEADS = {
    "en": (
        r"and|so|or|then|now|but|please|just|also|go|go ahead and|don't forget to|make sure to|make sure you|be sure to|remember to|"
        r"to see more|for more|guys|everyone|ok|okay|if you(?: \S+){1,7}"
    ),
    "de": (
        r"und|oder|also|dann|jetzt|aber|bitte|einfach|gern|gerne|leute|vergiss nicht|vergesst nicht|"
        r"(?:wenn|falls) (?:du|ihr|dir|euch|es)(?: \S+){1,7}"
    ),
    "es": r"y|o|pues|entonces|ahora|pero|por favor|no olvides|no te olvides de|recuerda|ya|si(?: \S+){1,7}",
    "fr": r"et|ou|alors|maintenant|mais|s'il te plait|s'il vous plait|n'oublie pas de|n'oubliez pas de|pense a|pensez a|si(?: \S+){1,7}",
    "it": r"e|o|allora|adesso|ora|ma|per favore|non dimenticare di|ricordati di|se(?: \S+){1,7}",
    "pt": r"e|ou|entao|agora|mas|por favor|nao esquece de|nao esqueca de|ja|ai|se(?: \S+){1,7}",
    "ru": r"и|а|но|ну|давай|тогда|сейчас|теперь|пожалуйста|обязательно|также|не забудь|не забудьте|если(?: \S+){1,7}",
}
"""What may stand before the first word of a call that is bound to the start of its clause."""

LINKS = {
    "en": r"and|so|or|then|now|ok|okay", "de": r"und|oder|also|dann|jetzt", "es": r"y|o|pues|entonces|ahora",
    "fr": r"et|ou|alors|maintenant",
    "it": r"e|o|allora|adesso|ora", "pt": r"e|ou|então|agora", "ru": r"и|а|ну|тогда|теперь",
}  # fmt: skip
"""The same for the other tables: only what links a clause to the one before ("everyone but him" is no contrast)."""

CONTRASTS: Table = {
    "strong": {
        "en": (
            r"^but (?:then|suddenly|wait|here's|what if|instead|one day)", r"^(?:suddenly|however|plot twist|turns out|little did)",
            r"and then (?:suddenly|everything|this|it happened|it all)",
            r"^(?:wait|wait what|wait a (?:minute|second)|hold on|hang on)$", r"^until",
            r"^(?:that's|this is) when", r"everything changed",
        ),
        "de": (
            r"^(?:aber|doch) (?:dann|plötzlich|halt|moment|warte|eines tages)", r"^(?:plötzlich|jedoch|auf einmal)",
            r"^(?:moment|moment mal|warte|warte mal|halt)$", r"^bis (?:plötzlich|eines tages|ich|er|sie)",
        ),
        "es": (
            r"^pero (?:entonces|luego|de repente|espera|un día|resulta)", r"^(?:de repente|sin embargo|de pronto)",
            r"^(?:espera|un momento)$",
            r"^hasta que",
        ),
        "fr": (
            r"^mais (?:alors|soudain|attends|attendez|un jour|ensuite|là)", r"^(?:soudain|cependant|pourtant|tout à coup)",
            r"^(?:attends|attendez)$", r"jusqu'au jour",
        ),
        "it": (
            r"^ma (?:poi|all'improvviso|aspetta|un giorno)", r"^(?:improvvisamente|all'improvviso|tuttavia)", r"^aspetta$",
            r"^finché non",
        ),
        "pt": (r"^mas (?:então|aí|de repente|espera|um dia)", r"^(?:de repente|porém|no entanto)", r"^espera(?: aí)?$", r"^até que"),
        "ru": (
            r"^(?:но|и) (?:тут|вдруг|потом|внезапно|однажды|подожди)", r"^(?:вдруг|внезапно|однако)",
            r"^(?:подожди|подождите|стоп|постой)$", r"^пока не",
        ),
    },
    "plain": {
        "en": (r"^(?:but|yet|instead|although)", r"^(?:and )?then (?:it|this|i|he|she|they|we|everything)"),
        "de": (r"^(?:aber|sondern|trotzdem)", r"~^doch"),
        "es": (r"^pero", r"^en cambio"),
        "fr": (r"~^mais", r"^au lieu de"),
        "it": (r"~^ma", r"^invece", r"^però"),
        "pt": (r"~^mas", r"^em vez disso"),
        "ru": (r"^но",),
    },
}  # fmt: skip
"""Words that say that it goes on otherwise; `strong` counts twice as much as `plain`."""

PROMISES: Table = {
    "wait": {
        "en": (
            r"wait for (?:it|the end)", r"(?:watch|stay) (?:till|until|to) the end", r"you won't believe", r"here it comes",
            r"watch what happens", r"and the result is",
        ),
        "de": (
            r"wart(?:e|et) (?:es )?ab", r"bis zum (?:ende|schluss)", r"ihr werdet nicht glauben|du wirst nicht glauben",
            r"jetzt kommt's",
        ),
        "es": (r"espera(?: a)? (?:el final|ver)|espera al final", r"hasta el final", r"no vas a creer"),
        "fr": (r"attends la fin|attendez la fin", r"jusqu'à la fin", r"tu ne vas pas croire"),
        "it": (r"aspetta la fine", r"fino alla fine", r"non ci crederai"),
        "pt": (r"espera o final", r"até o (?:final|fim)", r"você não vai acreditar"),
        "ru": (r"(?:смотри|смотрите|досмотри|досмотрите) до конца", r"дождись|дождитесь", r"ты не поверишь|вы не поверите"),
    },
    "countdown": {"en": (r"(?:3 2 1|three two one)",), "de": (r"drei zwei eins",), "es": (r"tres dos uno",), "fr": (r"trois deux un",),
                  "it": (r"tre due uno",), "pt": (r"três dois um",), "ru": (r"три два один",)},
}  # fmt: skip
"""Words that promise something still to come."""

RESULTS: Table = {
    "result": {
        "en": (
            r"^(?:finally|ta da|tada|voila|behold)", r"(?:the|my|our) (?:final )?results?(?: is| are|$)",
            r"it (?:really |actually )?worked", r"^(?:and )?here (?:it|we|she|he) (?:is|are)$", r"^after$",
            r"look at (?:that|this|it now)", r"we (?:did it|won|made it)", r"i (?:did it|won|made it)",
        ),
        "de": (
            r"^(?:endlich|tada|fertig|geschafft)", r"das (?:ergebnis|resultat)", r"es hat (?:wirklich )?(?:funktioniert|geklappt)",
            r"^nachher$",
        ),
        "es": (r"^(?:por fin|tachán|listo)", r"el resultado", r"(?:ha )?funcionó", r"lo logré|lo logramos", r"^después$"),
        "fr": (r"^(?:enfin|et voilà|voilà|tadam)", r"le résultat", r"ça a (?:vraiment )?marché", r"on a réussi|j'ai réussi", r"^après$"),
        "it": (r"^(?:finalmente|ecco|ta dan)", r"il risultato", r"ha funzionato", r"ce l'ho fatta|ce l'abbiamo fatta", r"^dopo$"),
        "pt": (r"^(?:finalmente|enfim)", r"~^pronto", r"o resultado", r"deu certo|funcionou", r"conseguimos|consegui", r"^depois$"),
        "ru": (r"^(?:наконец|наконец то|готово|та дам|вуаля)", r"результат", r"получилось|сработало", r"^после$"),
    },
}  # fmt: skip
"""Words that show what came of it."""

OPENINGS: Table = {
    "question": {
        "en": (r"^(?:what if|why|how|who|which|did|do|does|have|are|can|could|would|should|ever|want to|guess)",),
        "de": (r"^(?:warum|wieso|wie|wer|was|welche\S*|hast du|habt ihr|wusstest|wusstet|willst|kennst|kennt)",),
        "es": (r"^(?:por qué|cómo|quién|sabías|sabes|quieres|alguna vez)",),
        "fr": (r"^(?:pourquoi|comment|qui|est ce que|savais tu|tu savais|saviez vous|vous saviez|tu veux|as tu)",),
        "it": (r"^(?:perché|chi|sapevi|lo sapevi|vuoi|hai mai)", r"~^come"),
        "pt": (r"^(?:por que|como|quem|você sabia|sabia|quer)", r"~^já",),
        "ru": (r"^(?:почему|зачем|как|кто|знаешь|знаете|хочешь|хотите|а ты|а вы)",),
    },
    "number": {
        "en": (r"^(?:the |my |these |here are |top )?(?:\d+|two|three|four|five|six|seven|eight|nine|ten) [^\W\d]\S+",),
        "de": (r"^(?:die |diese |meine |hier sind )?(?:\d+|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn) [^\W\d]\S+",),
        "es": (r"^(?:los |las |estos |estas |mis )?(?:\d+|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez) [^\W\d]\S+",),
        "fr": (r"^(?:les |mes |ces |voici )?(?:\d+|deux|trois|quatre|cinq|six|sept|huit|neuf|dix) [^\W\d]\S+",),
        "it": (r"^(?:le |i |queste |questi |ecco )?(?:\d+|due|tre|quattro|cinque|sei|sette|otto|nove|dieci) [^\W\d]\S+",),
        "pt": (r"^(?:os |as |estas |estes )?(?:\d+|dois|duas|três|quatro|cinco|seis|sete|oito|nove|dez) [^\W\d]\S+",),
        "ru": (r"^(?:эти |вот )?(?:\d+|два|две|три|четыре|пять|шесть|семь|восемь|девять|десять) [^\W\d]\S+",),
    },
    "you": {
        "en": (r"(?:you|you're|you'll|you've|your|yours)",),
        "de": (r"(?:dich|dir|dein\S*|euch|euer|eure\S*)", r"~du"),
        "es": (r"(?:tú|ti|tus|usted|ustedes|vosotros|te)",),
        "fr": (r"(?:tu|toi|tes|vous|votre|vos)", r"~ton"),
        "it": (r"(?:tu|ti|tuo|tua|tuoi|tue|voi|vostro)",),
        "pt": (r"(?:você|vocês|teu|tua|seu|sua)",),
        "ru": (r"(?:ты|тебя|тебе|тво\S+|вы|вас|вам|ваш\S*)",),
    },
    "negation": {
        "en": (r"^(?:stop|never|don't|do not|nobody|no one|you're doing|this is wrong)",),
        "de": (r"^(?:stopp?|nie|niemals|niemand|hör auf|hört auf|mach nicht|keiner)",),
        "es": (r"^(?:nunca|nadie|deja de|para de|basta)", r"~^no"),
        "fr": (r"^(?:ne|n'\S+|jamais|personne|arrête|arrêtez|stop)",),
        "it": (r"^(?:non|mai|nessuno|smetti|smettila|basta)",),
        "pt": (r"^(?:não|nunca|ninguém|pare|para de|chega)",),
        "ru": (r"^(?:не|никогда|никто|стоп|хватит|перестань\S*)",),
    },
    "curiosity": {
        "en": (
            r"^pov", r"^(?:this|here|that)(?:'s| is) (?:why|how|what)",
            r"^(?:imagine|watch this|listen|story time|let me show|i bet|nobody tells)", r"(?:the|my|a) secret", r"the truth about",
            r"nobody tells", r"wait for it",
        ),
        "de": (
            r"^(?:stell dir vor|schau|schaut|pass auf|hör zu)", r"(?:das|mein|ein) geheimnis", r"die wahrheit über",
            r"so (?:geht|machst|macht)",
        ),
        "es": (r"^(?:imagina|mira|escucha|atención)", r"el secreto", r"la verdad sobre", r"así (?:es|se)"),
        "fr": (r"^(?:imagine|imaginez|regarde|regardez|écoute|écoutez|voici)", r"le secret", r"la vérité sur"),
        "it": (r"^(?:immagina|guarda|ascolta|ecco)", r"il segreto", r"la verità su"),
        "pt": (r"^(?:imagina|imagine|olha|escuta|atenção)", r"o segredo", r"a verdade sobre"),
        "ru": (r"^(?:представь|представьте|смотри|смотрите|слушай|слушайте|внимание)", r"секрет", r"правда о"),
    },
}  # fmt: skip
"""First words that address, ask, count, warn or make curious."""

ORDINALS: dict[str, tuple[str, ...]] = {
    "en": (
        "first|firstly|number one", "second|secondly|next|number two", "third|thirdly|after that|number three",
        "fourth|number four", "fifth|number five",
    ),
    "de": ("erstens|zuerst|als erstes", "zweitens|danach|als zweites", "drittens|als drittes", "viertens", "fünftens"),
    "es": ("primero", "segundo|luego|después", "tercero", "cuarto", "quinto"),
    "fr": ("premièrement|d'abord", "deuxièmement|ensuite|puis", "troisièmement", "quatrièmement", "cinquièmement"),
    "it": ("prima di tutto|primo|innanzitutto", "secondo|poi", "terzo", "quarto", "quinto"),
    "pt": ("primeiro", "segundo|depois", "terceiro", "quarto", "quinto"),
    "ru": ("во первых|сначала|первое", "во вторых|потом|второе", "в третьих|третье", "в четвертых|четвертое", "в пятых|пятое"),
}  # fmt: skip
"""Steps that are counted in words, in their order. Numerals are read as they stand ("1.", "step 2", "#3")."""

TABLES: dict[str, Table] = {"calls": CALLS, "contrasts": CONTRASTS, "promises": PROMISES, "results": RESULTS, "openings": OPENINGS}
