"""Calls to action in seven languages: the words that ask the viewer to do something. How a pattern is read: _patterns.py."""

from __future__ import annotations

__all__ = ["CALLS"]

CALLS: dict[str, dict[str, tuple[str, ...]]] = {
    "follow": {
        "en": (
            r"^follow(?: me| us| for| along| now| to see| (?:this|my|our|the) (?:page|account|channel|journey)|$)",
            r"(?:hit|tap|press|smash) (?:the |that )?follow(?: button)?", r"give (?:me|us|this \S+) a follow",
        ),
        "de": (
            r"^folgt?(?:e|en)? (?:mir|uns|für|jetzt|diesem|dem|meinem|unserem|gern|gerne)", r"^(?:folge|folgt)$",
            r"folgen nicht vergessen", r"lass(?:t)?(?: \S+){0,3} (?:follow|abo)(?: da)?",
        ),
        "es": (r"sígueme|síguenos|síganme|síganos|seguidme|seguidnos", r"^sigue (?:para|(?:esta|la|mi|nuestra) (?:cuenta|página))"),
        "fr": (r"^(?:suis|suivez) (?:moi|nous|pour|ce compte|le compte|la page|mon compte|notre)",),
        "it": (r"seguimi|seguici|seguitemi|seguiteci", r"^segui (?:la pagina|il profilo|per|questo profilo|questa pagina|il canale)"),
        "pt": (
            r"me siga|me segue|me sigam|segue me|siga me|sigam me",
            r"^(?:siga|segue) (?:para|pra|(?:a|esta|essa) página|(?:o|este|esse) perfil)",
        ),
        "ru": (r"подпишись|подпишитесь|подписывайся|подписывайтесь", r"не забудь(?:те)? подписаться", r"жми(?:те)? (?:на )?подпис\S+"),
    },
    "subscribe": {
        "en": (r"^subscribe", r"(?:hit|smash|press|tap) (?:the |that )?subscribe", r"subscribe button"),
        "de": (r"^abonnier(?:e|t|en)?", r"(?:jetzt|kanal) abonnieren"),
        "es": (r"suscríbete|suscríbanse|suscribíos", r"no olvides suscribirte"),
        "fr": (r"abonne toi|abonnez vous", r"n'oublie(?:z)? pas de (?:t'abonner|vous abonner)"),
        "it": (r"iscriviti|iscrivetevi",),
        "pt": (r"inscreva se|se inscreva|inscrevam se|se inscrevam", r"^(?:assine|assina) o canal"),
        "ru": (r"колокольчик нажм\S+|нажм\S+(?: на)? колокольчик",),
    },
    "like": {
        "en": (
            r"^like (?:this|the|my|our) (?:video|post|reel|clip)", r"^like and (?:share|subscribe|follow|comment|save)",
            r"^(?:leave|drop|give|hit|smash|press)(?: \S+){0,4} like(?: button)?", r"^double tap",
        ),
        "de": (r"^(?:lass|lasst|gib|gebt)(?: \S+){0,4} (?:like|daumen)", r"^liket? (?:das|dieses|diesen)"),
        "es": (r"^(?:dale|dame|deja|denle|dejen)(?: \S+){0,3} (?:like|me gusta)",),
        "fr": (r"^(?:mets|mettez|laisse|laissez|lâche|lâchez)(?: \S+){0,4} (?:like|pouce|j'aime)", r"^likez? (?:cette|la vidéo|si|et)"),
        "it": (r"^(?:metti|mettete|lascia|lasciate)(?: \S+){0,3} (?:like|mi piace)",),
        "pt": (r"^(?:deixa|deixe|dá|dê)(?: \S+){0,3} (?:like|curtida)", r"^(?:curte|curta|curtam) (?:o vídeo|esse|este|e|se)"),
        "ru": (r"^(?:став(?:ь|ьте)|постав(?:ь|ьте)|жми(?:те)?)(?: \S+){0,3} (?:лайк\S*|палец|сердечк\S*)", r"^лайкни(?:те)?"),
    },
    "comment": {
        "en": (
            r"^comment(?: below| down below| your| if| what| which| yes| with| and)", r"^comment \S+ (?:for|to get|and i)",
            r"^(?:leave|drop|write|post)(?: \S+){0,3} comments?",
            r"^(?:tell|let|write|drop|leave|put|type|answer|share|ask|vote)(?: \S+){0,8} (?:in the comments|down below|below)",
        ),
        "de": (r"^kommentier(?:e|t|en)?", r"in die (?:kommentare|kommis)", r"^(?:schreib|schreibt|lass|lasst)(?: \S+){0,5} kommentar"),
        "es": (
            r"^(?:comenta|comenten|coméntame|comentad)(?: \S+){0,3}",
            r"^(?:deja|déjame|dejen|déjanos|escribe|escríbeme|cuéntame|dime)(?: \S+){0,6} comentarios?",
        ),
        "fr": (r"^commentez?", r"^(?:dis|dites|écris|écrivez|laisse|laissez|donne|donnez|mets|mettez)(?: \S+){0,7} commentaires?"),
        "it": (r"^commenta(?:te)?", r"^(?:scrivi|scrivimi|scrivilo|scrivetemi|lascia|dimmi|fammi sapere)(?: \S+){0,6} comment[oi]"),
        "pt": (r"^coment[ae]m?(?: \S+){0,3}", r"^(?:deixe|deixa|escreva|escreve|conta|conte|diga|me conta)(?: \S+){0,7} comentários?"),
        "ru": (
            r"^(?:пиши|пишите|напиши|напишите|оставь|оставьте|делись|делитесь|расскажи|расскажите|ответь|ответьте)"
            r"(?: \S+){0,7} (?:комментари\S*|коммент\S*)",
            r"^комментируй(?:те)?",
        ),
    },
    "share": {
        "en": (r"^share (?:this|it|with|the (?:video|post|reel))", r"^send (?:this|it) to", r"^tag (?:a friend|your|someone|somebody|a)"),
        "de": (
            r"^teilt?e? (?:das|dieses|diesen|es|mit)", r"^schickt?e? (?:das|es|dieses|diesen)",
            r"^markiert?e? (?:deine|einen|jemand|eure)",
        ),
        "es": (
            r"compártelo|compártela|compartan|compartid", r"^comparte (?:este|esto|con|el vídeo|si)", r"^etiqueta a",
            r"^(?:manda|envía) (?:este|esto)",
        ),
        "fr": (
            r"^partagez? (?:cette|ce|la|avec|le|si)", r"^(?:tague|taguez|identifie|identifiez) (?:un|une|ton|ta|tes|quelqu'un)",
            r"^envoi?y?ez? (?:ça|cette|ceci) à",
        ),
        "it": (r"^condividi(?:lo|la|te)?", r"^tagga(?:te)? (?:un|una|il|la|chi)", r"^(?:mandalo|invialo|manda questo) a"),
        "pt": (
            r"^(?:compartilh[ae]m?|partilh[ae]m?)", r"^marqu?[ae] (?:um|uma|aquele|aquela|quem|seu|alguém)",
            r"^(?:mand[ae]|envi[ae]) (?:para|pra|esse|este)",
        ),
        "ru": (
            r"^поделись|^поделитесь", r"^отправ(?:ь|ьте|ляй|ляйте) (?:это|другу|друзьям|тому|подруге|видео)",
            r"^отмет(?:ь|ьте) (?:друга|подругу|того|друзей)",
        ),
    },
    "save": {
        "en": (r"^save (?:this|it|the (?:video|post|reel|recipe)|for later)",),
        "de": (r"^speicher(?:e|t|n)? (?:dir|das|es|dieses|diesen|euch)",),
        "es": (r"guárdalo|guárdatelo", r"^guarda (?:este|esto|esta|el vídeo|para)"),
        "fr": (r"^(?:enregistre|enregistrez|sauvegarde|sauvegardez|gardez?) (?:cette|ce|la vidéo|pour|ça)",),
        "it": (r"^salva(?:lo|la|te)? (?:questo|questa|il video|il post|per)", r"^salvalo"),
        "pt": (r"^(?:salv[ae]|guard[ae]) (?:esse|este|essa|esta|isso|o vídeo|o post|para|pra)",),
        "ru": (r"^сохран(?:и|ите|яй|яйте)",),
    },
    "link": {
        "en": (
            r"links? (?:is |are )?(?:in|on) (?:my |our |the )?(?:bio|description|profile|comments|caption)",
            r"links? (?:is |are )?(?:down )?below",
            r"^(?:check|click|tap|hit|use)(?: out)?(?: on)? (?:the|my|our) link",
        ),
        "de": (
            r"link (?:ist )?(?:in|im) (?:der |meiner |unserer )?(?:bio|beschreibung|profil)", r"link (?:ist )?unten",
            r"im profil verlinkt",
        ),
        "es": (
            r"(?:link|enlace) (?:está )?en (?:mi |la |nuestra |el )?(?:bio|biografía|perfil|descripción)",
            r"(?:link|enlace) (?:aquí )?abajo",
        ),
        "fr": (
            r"lien (?:est )?(?:en|dans (?:ma|la|notre)) (?:bio|description)", r"lien (?:dans|sur) (?:mon|le|notre) profil",
            r"lien (?:est )?(?:ci dessous|plus bas|en commentaire)",
        ),
        "it": (r"link (?:è )?(?:in|nella|nella mia) (?:bio|descrizione)", r"link (?:nel|sul) (?:mio )?profilo", r"link (?:qui )?sotto"),
        "pt": (
            r"link (?:está |tá )?(?:na|em|na minha|da) (?:bio|descrição)", r"link (?:no|do) (?:meu )?perfil",
            r"link (?:aqui )?(?:abaixo|embaixo)",
        ),
        "ru": (r"ссылк\S+ (?:уже )?(?:в|под|на) (?:моем |нашем )?(?:шапке|профиле|био|описании|видео|закрепе|комментариях)",),
    },
    "next_part": {
        "en": (
            r"for part (?:\d+|two|three|four)", r"part (?:\d+|two|three|four) (?:is )?(?:coming|tomorrow|soon|next|drops|on my)",
            r"^stay tuned",
        ),
        "de": (r"für teil (?:\d+|zwei|drei)", r"teil (?:\d+|zwei|drei) (?:kommt|folgt|morgen|bald)", r"^bleibt? dran"),
        "es": (r"para (?:la )?parte (?:\d+|dos|tres)", r"parte (?:\d+|dos|tres) (?:mañana|pronto|ya)"),
        "fr": (r"pour la (?:partie (?:\d+|deux|trois)|suite)", r"partie (?:\d+|deux|trois) (?:bientôt|demain|arrive)"),
        "it": (r"per la parte (?:\d+|due|tre)", r"parte (?:\d+|due|tre) (?:domani|presto|in arrivo)"),
        "pt": (r"(?:para|pra) (?:a )?parte (?:\d+|dois|três)", r"parte (?:\d+|dois|três) (?:amanhã|em breve)"),
        "ru": (
            r"(?:жди|ждите|ради|увидеть) (?:втор\S+|трет\S+|\d+|следующ\S+) част\S+",
            r"(?:втор\S+|трет\S+|следующ\S+) часть (?:завтра|скоро|уже|выйдет)",
        ),
    },
    "swipe_or_tap": {
        "en": (r"^swipe(?: up| left| right| to| for| now|$)", r"^tap (?:the|to|here|below|follow)", r"^click (?:here|the|below|on the)"),
        "de": (r"^wischt?e?(?: \S+)? (?:nach|hoch|weiter|rechts|links)", r"^klickt?e? (?:auf|hier|den|unten)", r"^tippt?e? (?:auf|hier)"),
        "es": (r"^desliza (?:hacia|para|a la|arriba)", r"^haz clic", r"^(?:toca|pulsa) (?:el|aquí|en)"),
        "fr": (r"^(?:swipe|swipez|glisse|glissez) (?:vers|à|pour)", r"^(?:clique|cliquez|appuie|appuyez) (?:sur|ici)"),
        "it": (r"^scorri (?:verso|per|a sinistra|a destra)", r"^clicca (?:sul|sulla|qui|il)", r"^tocca (?:il|qui)"),
        "pt": (r"^(?:arrasta|arraste|desliza|deslize) (?:para|pra)", r"^(?:clica|clique|toque) (?:no|na|aqui|em)"),
        "ru": (r"^(?:свайпай|свайпни|листай|листайте|смахни)",),
    },
    "buy_or_join": {
        "en": (
            r"^(?:buy|order|shop|book|download|sign up|register|install|donate|pre order)"
            r"(?: it| now| today| yours| here| the app| our| your| at| online| before| while|$)",
            r"^(?:get|grab|claim) (?:it|yours|your(?: \S+){0,2}) (?:now|today|here|free|before)", r"^join (?:us|me|now|today|the|our)",
            r"^visit (?:us|our|my|\S+ com)", r"^(?:dm|message) (?:me|us)", r"^(?:text|call|email) us",
            r"^check out (?:my|our|the (?:link|full|channel|shop|store|website))", r"^watch (?:part \S+|the (?:full|whole|next) \S+)",
        ),
        "de": (
            r"^(?:kauf|bestell|hol|sicher|buch|lad|besuch)(?:e|t|et)? (?:jetzt|dir|euch|es|ihn|sie|noch|heute|hier|uns|die app|unseren)",
            r"jetzt (?:kaufen|bestellen|buchen|herunterladen|anmelden|sichern|mitmachen)", r"^meld(?:e|et) (?:dich|euch)",
        ),
        "es": (
            r"^(?:compra|pide|reserva|descarga|consigue|visita) (?:ya|ahora|hoy|el tuyo|la tuya|tu|la app|nuestra|nuestro|aquí)",
            r"^(?:cómpralo|pídelo|descárgala|descárgalo|regístrate|apúntate|únete|visítanos)",
        ),
        "fr": (
            r"^(?:achète|achetez|commande|commandez|réserve|réservez|télécharge|téléchargez|visite|visitez|profite|profitez)"
            r" (?:maintenant|vite|dès|notre|nos|l'app\S*|en ligne|ici|aujourd'hui)",
            r"^(?:inscris toi|inscrivez vous|rejoins nous|rejoignez nous)",
        ),
        "it": (
            r"^(?:compra|ordina|prenota|scarica|acquista|visita) (?:ora|subito|oggi|il tuo|la tua|l'app\S*|qui|online|la nostra|il nostro)",
            r"^(?:compralo|ordinalo|scaricala|registrati|unisciti)",
        ),
        "pt": (
            r"^(?:compr[ae]|peça|garanta|reserve|baix[ae]|acesse|visite|aproveite)"
            r" (?:já|agora|hoje|o seu|a sua|o app|nosso|nossa|aqui|o site)",
            r"^cadastre se",
        ),
        "ru": (
            r"^(?:купи|купите|закажи|закажите|заказывай|заказывайте|скачай|скачайте|скачивай|забронируй|забронируйте|переходи|переходите)"
            r" (?:сейчас|уже|сегодня|по|на|в|прямо|приложение|здесь|тут|онлайн)",
            r"^(?:зарегистрируйся|регистрируйся|записывайся|записывайтесь)",
        ),
    },
    "code": {
        "en": (r"^use (?:my |our |the |promo |discount )*code", r"(?:promo|discount|coupon) code", r"code \S+ for (?:\d+|free)"),
        "de": (r"rabattcode|gutscheincode", r"mit (?:dem |meinem )?code \S+ (?:\d+|sparst|spart|bekommst|gibt)"),
        "es": (r"(?:usa|utiliza) (?:el |mi |nuestro )?(?:código|cupón)", r"código de descuento"),
        "fr": (r"code promo", r"^utilisez? (?:le |mon |notre )?code", r"avec (?:le |mon )code"),
        "it": (r"codice sconto", r"^usa (?:il |il mio )?codice"),
        "pt": (r"cupom (?:de desconto)?", r"^us[ae] (?:o |meu |o meu )?(?:código|cupom)"),
        "ru": (r"промокод\S*",),
    },
}  # fmt: skip
"""Words that ask the viewer to do something."""
