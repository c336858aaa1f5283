"""Word lists the citation checks read text with: function words, months, numbers, units, negators, opposites.

The lists are small on purpose. A word that is missing here makes a check stricter, never laxer, so gaps show as a
sentence marked without need and not as a false one let through. Words are folded: lower case, no accents.
"""

STOPWORDS: dict[str, frozenset[str]] = {
    "en": frozenset(
        "a an the and or but nor so yet of in on at by to from with without for as into onto over under between among "
        "about against during before after since until till through across within upon off out up down is "
        "are was were "
        "be been being am do does did done has have had having will would shall should can could may might must this "
        "that these those it its he him his she her hers they them their theirs we us our you your i me my who whom "
        "whose which what when where why how than then there here also too very more most less least much "
        "many some any "
        "all both each every either neither such same other another own only just even still already "
        "however therefore "
        "thus hence moreover furthermore while whereas although though because if whether not no never none called "
        "known named one ones according per via like unlike despite".split()
    ),
    "de": frozenset(
        "der die das den dem des ein eine einen einem einer eines und oder aber von im in am an auf zu "
        "zum zur mit aus bei "
        "nach vor fur uber unter als wie ist sind war waren wird wurde wurden werden hat haben hatte sich "
        "er sie es ihr "
        "ihre sein seine nicht kein keine auch noch nur durch gegen um dass so dort hier".split()
    ),
    "fr": frozenset(
        "le la les un une des du de et ou mais dans en sur sous par pour avec sans est sont etait etaient "
        "fut furent ete a "
        "ont avait il elle ils elles son sa ses leur leurs ce cette ces qui que quoi dont ne pas plus au "
        "aux se y l d s n "
        "c qu comme entre lors apres avant".split()
    ),
    "es": frozenset(
        "el la los las un una unos unas de del y o pero en con por para sin sobre entre es son era eran "
        "fue fueron ha han "
        "habia su sus se lo al que quien cual cuando donde como no mas muy tambien este esta ese esa "
        "desde hasta".split()
    ),
    "it": frozenset(
        "il lo la i gli le un uno una di del della dei delle e o ma in nel nella con per da dal su sul "
        "tra fra che chi non "
        "si era erano fu furono sono ha hanno suo sua al alla come anche".split()
    ),
    "pt": frozenset(
        "o a os as um uma de do da dos das e ou mas em no na nos nas com por para sem sobre entre que "
        "quem foi foram era "
        "eram sao tem seu sua se ao nao mais tambem como".split()
    ),
    "nl": frozenset(
        "de het een en of maar van in op aan te met uit bij naar voor over onder als is zijn was waren "
        "werd werden wordt "
        "heeft hebben had zich hij zij haar niet geen ook nog door dat die er".split()
    ),
}
ALL_STOPWORDS = frozenset().union(*STOPWORDS.values())

MONTHS: dict[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "january jan janvier janv januar enero gennaio janeiro januari",
            "february feb fevrier fevr februar febrero febbraio fevereiro februari",
            "march mar mars marz maerz marzo marco maart",
            "april apr avril abril aprile",
            "may mai mayo maggio maio mei",
            "june jun juin juni junio giugno junho",
            "july jul juillet juil juli julio luglio julho",
            "august aug aout agosto augustus",
            "september sep sept septembre septiembre setiembre settembre setembro",
            "october oct octobre oktober okt octubre ottobre outubro",
            "november nov novembre noviembre novembro",
            "december dec decembre dezember dez diciembre dicembre dezembro",
        ),
        1,
    )
    for name in names.split()
}

_EN_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
_EN_UNITS += "seventeen eighteen nineteen"
NUMBER_WORDS: dict[str, dict[str, int]] = {
    "en": {
        **{word: value for value, word in enumerate(_EN_UNITS.split())},
        **{w: 10 * v for v, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)},
        "dozen": 12,
    },
    "de": {
        **{w: v for v, w in enumerate("zwei drei vier funf sechs sieben acht neun zehn elf zwolf".split(), 2)},
        **{w: 10 * v for v, w in enumerate("zwanzig dreissig vierzig funfzig".split(), 2)},
    },
    "fr": {
        **{w: v for v, w in enumerate("deux trois quatre cinq six sept huit neuf dix onze douze".split(), 2)},
        **{w: 10 * v for v, w in enumerate("vingt trente quarante cinquante soixante".split(), 2)},
    },
    "es": {
        **{w: v for v, w in enumerate("dos tres cuatro cinco seis siete ocho nueve diez once doce".split(), 2)},
        **{w: 10 * v for v, w in enumerate("veinte treinta cuarenta cincuenta sesenta".split(), 2)},
    },
}
ORDINAL_WORDS: dict[str, int] = {
    **{w: v for v, w in enumerate("third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split(), 3)},
    "second": 2,
    "thirteenth": 13,
    "fourteenth": 14,
    "fifteenth": 15,
    "sixteenth": 16,
    "seventeenth": 17,
    "eighteenth": 18,
    "nineteenth": 19,
    "twentieth": 20,
}
MAGNITUDES: dict[str, int] = {
    "hundred": 10**2,
    "thousand": 10**3,
    "million": 10**6,
    "millions": 10**6,
    "millionen": 10**6,
    "millones": 10**6,
    "mio": 10**6,
    "billion": 10**9,
    "billions": 10**9,
    "milliard": 10**9,
    "milliards": 10**9,
    "milliarden": 10**9,
    "mrd": 10**9,
    "bn": 10**9,
    "trillion": 10**12,
    "mille": 10**3,
    "mil": 10**3,
    "tausend": 10**3,
    "万": 10**4,
    "萬": 10**4,
    "亿": 10**8,
    "億": 10**8,
}
HAN_DIGITS = {c: v for v, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
HAN_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}

UNITS: dict[str, str] = {
    alias: unit
    for unit, aliases in {
        "m": "m metre metres meter meters metro metros metres metern 米 公尺",
        "km": "km kilometre kilometres kilometer kilometers kilometro kilometros kilometern 公里 千米",
        "cm": "cm centimetre centimetres centimeter centimeters 厘米",
        "mm": "mm millimetre millimetres millimeter millimeters 毫米",
        "ft": "ft foot feet 英尺",
        "in": "inch inches 英寸",
        "mi": "mi mile miles 英里",
        "km2": "km2 平方公里",
        "mi2": "mi2",
        "ha": "ha hectare hectares 公顷",
        "kg": "kg kilogram kilograms kilogramme kilogrammes 公斤 千克",
        "g": "g gram grams",
        "t": "tonne tonnes tons 吨",
        "lb": "lb lbs pound pounds",
        "l": "litre litres liter liters",
        "%": "% percent pct prozent 百分",
        "c": "°c celsius",
        "f": "°f fahrenheit",
        "year": "year years yr yrs an ans annee annees jahr jahre jahren ano anos 年 岁",
        "month": "month months mois monat monate monaten mes meses 个月",
        "week": "week weeks semaine semaines woche wochen semana semanas 周 星期",
        "day": "day days jour jours tag tage tagen dia dias 天 日",
        "hour": "hour hours heure heures stunde stunden hora horas 小时",
        "minute": "minute minutes minuten minuto minutos 分钟",
        "second": "seconds 秒",
        "people": "people persons inhabitants 人",
        "usd": "$ dollar dollars 美元",
        "eur": "€ euro euros 欧元",
        "gbp": "£",
        "cny": "¥ yuan 元 人民币",
    }.items()
    for alias in aliases.split()
}
HEDGES = frozenset(
    "about approximately around roughly nearly almost circa ca over some close environ pres etwa rund fast knapp unos "
    "alrededor casi 约 大约 近 约为 超过 左右".split()
)

NEGATORS = frozenset(
    "not no never none neither nor cannot without n't nicht kein keine keinen nie pas jamais aucun aucune sin nunca "
    "ningun ninguna non nao niet geen".split()
)
HAN_NEGATORS = ("没有", "不是", "并非", "从未", "未能", "不", "没", "未", "非", "沒有", "從未", "沒")
_OPPOSED = (
    "increase/decrease increased/decreased rise/fall rose/fell grew/shrank more/fewer more/less larger/smaller "
    "largest/smallest highest/lowest higher/lower longest/shortest older/younger oldest/youngest elder/younger "
    "north/south east/west northern/southern eastern/western before/after born/died father/mother son/daughter "
    "brother/sister uncle/aunt king/queen male/female won/lost first/last above/below early/late "
    "former/current opened/closed began/ended accepted/rejected succeeded/preceded allowed/banned legal/illegal "
    "maternal/paternal left/right upper/lower best/worst hot/cold black/white rural/urban married/divorced "
)
_PAIRS = [tuple(pair.split("/")) for pair in _OPPOSED.split()]
OPPOSITES: dict[str, frozenset[str]] = {
    word: frozenset(b if a == word else a for a, b in _PAIRS if word in (a, b)) for pair in _PAIRS for word in pair
}

# Words that say the same in different forms; the first stands for all.
FORMS: dict[str, str] = {
    word: group.split()[0]
    for group in (
        "died death dies die dead deceased mort morte mourut starb gestorben murio murieron muerte mori morreu",
        "born birth births birthplace ne nee naquit geboren nacio nacido nacida nato nata nasceu",
        "wrote written writer writes write",
        "film movie films movies",
        "married marriage wife husband spouse wed",
        "made make makes",
        "won win wins winner winning",
        "began begin begun beginning",
        "song single track",
        "found founded founder founds establish established inception",
        "built build building",
        "child children son daughter sons daughters parent parents father mother",
        "publish published publication release released releases premiered",
        "study studied studies student educated education graduated graduate attended",
        "compose composed composer music musical",
        "sing sang sung singer perform performer performed performs recorded artist",
        "led lead leads leader",
        "became become becomes",
        "location located situated lies lie",
    )
    for word in group.split()
}
ROLES = frozenset(
    "mr mrs ms miss dr prof professor sir dame lord lady king queen prince princess emperor empress "
    "president pope saint "
    "st duke duchess count countess baron bishop archbishop general captain colonel mount lake river city".split()
)
ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st sr jr rev hon gen col capt lt sgt maj cmdr adm gov sen rep pres vs cf ca approx "
    "est ed eds vol "
    "vols no nos nr fig figs pp p ch sec art op al fl b d r c e.g i.e z.b d.h u.a bzw usw dept univ assn bros mt ft "
    "inc ltd co corp etc u.s u.k u.n a.m p.m b.c a.d ph.d m.d b.a m.a jan feb mar apr jun jul aug sep "
    "sept oct nov dec "
    "mme mlle m sra dra av lic ing hrsg geb gest".split()
)
# After these a full stop may well end the sentence; the next word decides.
ENDING_ABBREVIATIONS = frozenset("inc ltd co corp etc u.s u.k u.n a.m p.m b.c a.d ph.d m.d jr sr usw bros".split())

ABSENCE = (
    r"\b(?:could not|couldn't|cannot|can't|did not|didn't|(?:was|were|am) unable to)\s+"
    r"(?:find|determine|verify|confirm|answer|establish|locate|identify|be (?:found|determined|verified|confirmed))\b"
    r"|\bno (?:evidence|information|source|sources|mention|answer|data|record|result|results|page|pages|passage)\b"
    r".{0,60}\b(?:found|say|says|mention|mentions|available|given|state|states|name|names|provided|support|supports)\b"
    r"|\b(?:sources|evidence|pages|passages)\s+(?:found\s+)?(?:do|does|did) not (?:say|mention|state|give"
    r"|name|contain)\b"
    r"|\bnot (?:found|mentioned|stated|given) in the (?:evidence|sources|pages|passages|text)\b"
    r"|\bich konnte\b.{0,60}\bnicht finden\b|\bkeine (?:angaben|informationen|belege)\b"
    r"|\bje n'ai pas (?:pu )?trouv|\baucune (?:information|source|preuve)\b"
    r"|\bno (?:se )?(?:encontre|encontro|pude encontrar|hay informacion)\b"
    r"|未能?找到|没有找到|沒有找到|找不到|无法(?:确定|核实|确认|回答)|未提及|没有(?:提到|提及|相关信息)"
)
# Words of sentences that talk about the answer itself and say nothing of the world.
META = frozenset(
    "here what found find answer summary following below above sources source evidence based results "
    "result conclusion "
    "overview note notes details detail question short brief briefly sum therefore follows section list key points "
    "facts findings research information additionally finally first second next".split()
)

HAN_STOPWORDS = frozenset(
    "一个 一些 这个 那个 这些 那些 他们 她们 它们 我们 以及 并且 而且 但是 因为 所以 如果 由于 其中 可以 已经 成为 "
    "作为 进行 之后 之前 同时 此外 另外 根据 关于 对于 通过 自己 什么 没有 不是 就是 还是 或者 以来 一直 为了 位于 "
    "高达 目前 其他 之一 一种 如下 以下 第一".split()
)

# A page that gives a person's years as "(... - ...)" says born and died with it.
LIFE_TERMS = {"born": ("出生", "生于", "诞生"), "died": ("去世", "逝世", "死于", "病逝", "卒于")}

# Words that say what kind of thing a value is: a page that gives the value need not name its kind ("an American film"
# for "the country of origin is American").
KINDS = frozenset(
    "country nation citizenship nationality origin date year place city town location name title type kind category "
    "occupation profession genre".split()
)
