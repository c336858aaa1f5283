"""Specs of models."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from fathom.core.config import Environment
from fathom.core.errors import ConfigError, InputError
from fathom.core.message import Message
from fathom.llm.openai_compat import OpenAIChat
from fathom.llm.retry import RetryingChat
from fathom.recipes.models import model_spec, open_model

URL = "http://127.0.0.1:9/v1"


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(home=tmp_path)


@pytest.mark.parametrize(
    ("url", "model", "spec"),
    [
        ("", "", "embedded"),
        ("", "embedded", "embedded"),
        ("", "some/model.gguf", "some/model.gguf"),
        ("", f"qwen@{URL}", f"qwen@{URL}"),
        ("", URL, URL),
        ("", "scripted:x.jsonl", "scripted:x.jsonl"),
        (URL, "org/model:7b", f"org/model:7b@{URL}"),
        (URL, "", f"@{URL}"),
    ],
)
def test_what_is_named_makes_a_spec(environment: Environment, url: str, model: str, spec: str) -> None:
    assert model_spec(environment, url=url, model=model) == spec


def test_the_environment_fills_in_what_is_left_open(tmp_path: Path) -> None:
    environment = Environment(home=tmp_path, model_url=URL, model_name="qwen")
    assert model_spec(environment) == f"qwen@{URL}"
    assert model_spec(environment, model="other") == f"other@{URL}"
    assert model_spec(environment, url="http://else/v1") == "@http://else/v1"
    assert model_spec(environment, model="embedded") == "embedded"


def test_a_name_without_an_endpoint_is_refused(environment: Environment) -> None:
    with pytest.raises(ConfigError, match="no endpoint for the model 'qwen'"):
        model_spec(environment, model="qwen")


@pytest.mark.parametrize(
    ("spec", "name"),
    [(f"qwen@{URL}", "qwen"), (f"user@host/qwen@{URL}", "user@host/qwen"), (f"@{URL}", URL), (URL, URL)],
)
def test_endpoints(tmp_path: Path, spec: str, name: str) -> None:
    environment = Environment(home=tmp_path, api_key=SecretStr("secret"))
    assert isinstance(open_model(spec, environment), RetryingChat)
    model = open_model(spec, environment, retries=False)
    assert isinstance(model, OpenAIChat) and model.name == name


@pytest.mark.parametrize("spec", ["", "qwen", "qwen@host", "ftp://x/v1", "http://[::1", "model.bin"])
def test_a_spec_that_names_nothing(environment: Environment, spec: str) -> None:
    with pytest.raises(ConfigError, match="names no model"):
        open_model(spec, environment)


def test_a_missing_model_file(environment: Environment, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing"):
        open_model(str(tmp_path / "none.gguf"), environment)


async def test_scripts(environment: Environment, tmp_path: Path) -> None:
    script = tmp_path / "paris.jsonl"
    script.write_text('{"content": "Paris"}\n{"content": "", "tool_calls": [{"id": "a", "name": "search"}]}\n')
    model = open_model(f"scripted:{script}", environment)
    ask = [Message(role="user", content="?")]
    assert (await model.complete(ask)).message.content == "Paris"
    assert (await model.complete(ask)).message.tool_calls[0].name == "search"
    script.write_text('{"content": "Paris"}\n{"says": "Paris"}\n')
    with pytest.raises(InputError, match="row 2 is no message"):
        open_model(f"scripted:{script}", environment)
