"""`fathom serve`: a model folder over HTTP, from start to clean end."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest
import torch

from fathom.cli import main as cli
from fathom.llm.local.initial import initialise
from fathom.llm.local.lm import CausalLM, LMConfig
from fathom.llm.local.sampler import LocalSampler
from fathom.llm.protocol import Sampling
from fathom.llm.render.formats import NANO
from fathom.llm.render.renderer import Renderer
from fathom.llm.token_api import HttpTokenModel, TokenEndpointConfig
from fathom.train.checkpoint import save_model
from fathom.train.tokenizer import TokenizerConfig, train_tokenizer


async def test_a_folder_is_served_as_it_samples_here_until_a_signal_ends_it(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(["Who founded Velor Works?"] * 5, TokenizerConfig(vocab_size=300))
    config = LMConfig(vocab_size=tokenizer.get_vocab_size(), width=32, layers=1, heads=2, kv_heads=2, mlp_width=32)
    model = initialise(CausalLM(config), torch.Generator().manual_seed(0))
    save_model(model, Renderer(tokenizer, NANO), tmp_path / "nano")
    served = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fathom.cli.main", "serve", f"local:{tmp_path / 'nano'}", "--port", "0"),
        *("--set", "max_tokens=6"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert served.stdout is not None
    try:
        url = (await asyncio.wait_for(served.stdout.readline(), 90)).decode().strip()
        client = HttpTokenModel(TokenEndpointConfig(base_url=url, model="nano"))
        sampler = LocalSampler(model, -1)
        there = await client.sample([7, 8], Sampling(seed=1))
        here = await sampler.sample([7, 8], Sampling(seed=1, max_tokens=6))
        await sampler.close()
        await client.close()
        assert there.ids_T == here.ids_T[: len(there.ids_T)] and there.logprobs_T == here.logprobs_T[: len(there.ids_T)]
    finally:
        served.send_signal(signal.SIGTERM)
    rest, errors = await asyncio.wait_for(served.communicate(), 30)
    assert (served.returncode, rest, errors) == (0, b"", b"")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["embedded"], "'embedded' cannot be served"),
        (["local:nowhere"], "there is no tokenizer"),
        (["local:x", "--port", "70000"], "setting port"),
    ],
)
def test_what_cannot_be_served_is_said(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["serve", *arguments]) == 2
    assert says in capsys.readouterr().err
