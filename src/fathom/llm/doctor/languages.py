"""Whether a model replies in the language it is asked in, by script and by the commonest words."""

import re

from fathom.llm.doctor.subject import Subject

QUESTIONS = {
    "en": "What is the capital of Japan, and what is that city known for? Answer in two sentences.",
    "zh": "日本的首都是哪里?这座城市以什么闻名?请用两句话回答。",
    "fr": "Quelle est la capitale du Japon, et pour quoi cette ville est-elle connue ? Réponds en deux phrases.",
    "es": "¿Cuál es la capital de Japón y por qué es conocida esa ciudad? Responde en dos frases.",
}
# Frequent words that the other two languages do not have.
_WORDS = {
    "en": set("the is and of it its in known for that which capital city with to as japan".split()),
    "fr": set("le les des du et est dans pour avec qui une au aux ville capitale japon connue cette elle".split()),
    "es": set("el los las y es en por con del una que ciudad japón su conocida se lo".split()),
}
_HAN = re.compile(r"[\u4e00-\u9fff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_WORD = re.compile(r"[^\W\d_]+")


def language_of(text: str) -> str:
    """ "en", "zh", "fr" or "es", or "" where the text is none of them clearly."""
    letters = sum(map(str.isalpha, text))
    han = len(_HAN.findall(text))
    if letters and han > 0.3 * letters:
        return "zh" if len(_KANA.findall(text)) < 0.1 * han else ""
    words = _WORD.findall(text.lower())
    scores = sorted(((sum(word in known for word in words), lang) for lang, known in _WORDS.items()), reverse=True)
    (best, lang), (second, _) = scores[:2]
    return lang if best >= 2 and best > second else ""


async def languages_kept(subject: Subject) -> dict[str, bool]:
    """Per language, whether the reply came in it. A language whose request failed is left out."""
    kept: dict[str, bool] = {}
    for lang, question in QUESTIONS.items():
        heard = await subject.ask(question, max_tokens=48)
        if heard.completion is not None:
            kept[lang] = language_of(heard.content) == lang
    return kept
