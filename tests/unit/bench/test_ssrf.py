import pytest

from fathom.bench import ssrf
from fathom.bench.ssrf_forms import Form, good, hostile
from fathom.core.errors import AccessDeniedError


async def test_an_attempt_tells_what_was_contacted_and_what_was_raised() -> None:
    assert await ssrf.attempt(Form("http://site.example/", (("93.184.215.14",),))) == ([("93.184.215.14", 80)], None)
    reached, error = await ssrf.attempt(Form("http://site.example/", location="http://10.0.0.1/"))
    assert reached == [("93.184.215.14", 80)] and isinstance(error, AccessDeniedError)
    reached, error = await ssrf.attempt(Form("http://site.example/", (("10.0.0.1",),), scope="private"))
    assert reached == [("10.0.0.1", 80)] and error is None


def test_forms_differ_and_are_enough() -> None:
    assert len(set(hostile())) == len(hostile()) > 400 and len(set(good())) == len(good()) > 40
    assert not set(hostile()) & set(good())


@pytest.mark.parametrize("part", range(8))
async def test_nothing_that_must_not_be_contacted_is(part: int) -> None:
    for form in hostile()[part::8]:
        reached, error = await ssrf.attempt(form)
        assert [place for place in reached if place[0] != ssrf.PUBLIC] == [], form
        assert isinstance(error, AccessDeniedError) or not form.denied, form


async def test_ordinary_addresses_are_answered() -> None:
    for form in good():
        assert (await ssrf.attempt(form))[1] is None, form
