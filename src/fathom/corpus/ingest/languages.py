"""Language codes of two letters."""

_THREE = (
    "eng en fra fr fre fr deu de ger de spa es ita it por pt nld nl dut nl rus ru ukr uk bel be pol pl ces cs cze cs "
    "slk sk slo sk slv sl hrv hr srp sr bos bs bul bg mkd mk mac mk ron ro rum ro hun hu fin fi est et lav lv lit lt "
    "swe sv nor no nob nb nno nn dan da isl is ice is gle ga cym cy wel cy cat ca eus eu baq eu glg gl ell el gre el "
    "tur tr aze az kaz kk uzb uz kat ka geo ka hye hy arm hy heb he ara ar fas fa per fa urd ur hin hi ben bn tam ta "
    "tel te mar mr guj gu kan kn mal ml pan pa nep ne sin si tha th vie vi ind id msa ms may ms tgl tl khm km mya my "
    "bur my lao lo zho zh chi zh jpn ja kor ko mon mn bod bo tib bo amh am swa sw yor yo hau ha zul zu afr af sqi sq "
    "alb sq mlt mt epo eo lat la"
).split()
_TWO = dict(zip(_THREE[::2], _THREE[1::2], strict=True))


def two_letters(stated: str) -> str:
    """The ISO 639-1 code of `stated` (two letters, three letters of ISO 639-2 or -3, or a tag like "en-GB") where it
    names one language that has one; else the code as stated, or nothing for several languages or what is no code."""
    code = stated.strip().lower().replace("_", "-").split("-")[0]
    return _TWO.get(code, code if code.isascii() and code.isalpha() and len(code) in (2, 3) else "")
