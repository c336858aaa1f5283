import json

import pytest
from jsonschema import validate

from fathom.core.errors import ModelRequestError
from fathom.core.message import Message
from fathom.llm.baseline import FirstChoiceChat, first_instance
from fathom.llm.protocol import Sampling

FORM = {
    "type": "object",
    "properties": {
        "answer": {"enum": ["b", "a"]},
        "lookups": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "count": {"type": "integer", "minimum": 2},
        "sure": {"type": "boolean"},
        "extra": {"type": "string"},
    },
    "required": ["answer", "lookups", "count", "sure"],
    "additionalProperties": False,
}


def test_the_first_instance_fits_its_schema() -> None:
    value = first_instance(FORM)
    validate(value, FORM)
    assert value == {"answer": "b", "lookups": [""], "count": 2, "sure": False}


async def test_it_fills_forms_and_refuses_to_talk() -> None:
    model = FirstChoiceChat()
    asked = [Message(role="user", content="?")]
    completion = await model.complete(asked, (), Sampling(json_schema=FORM))
    assert json.loads(completion.message.content)["answer"] == "b"
    with pytest.raises(ModelRequestError):
        await model.complete(asked)
