"""Asking: what the configuration comes to, and that a run with a reader can be repeated."""

import json
from pathlib import Path

import pytest
from tests.worlds import small_world

from fathom.cli.live import LiveView
from fathom.core.config import Environment
from fathom.core.errors import ConfigError
from fathom.core.task import Task
from fathom.grading.verify import verify_folder
from fathom.recipes.ask import ask, configure, go_on, repeat
from fathom.recipes.ports import open_files
from fathom.recipes.research import ResolvedResearch, research_config

URL = "http://127.0.0.1:9/v1"


def test_a_models_name_alone_means_the_environments_endpoint(tmp_path: Path) -> None:
    with_endpoint = Environment(home=tmp_path, model_url=URL, model_name="qwen")
    assert configure("react", model="other", environment=with_endpoint).model == f"other@{URL}"
    assert configure("react", environment=with_endpoint).model == f"qwen@{URL}"
    local = configure("react", environment=with_endpoint, overrides=["model=x.gguf"]).model
    assert local == str(Path("x.gguf").absolute())
    assert configure("react", environment=Environment(home=tmp_path)).model == "embedded"
    with pytest.raises(ConfigError, match="no endpoint for the model 'other'"):
        configure("react", model="other", environment=Environment(home=tmp_path))


def test_the_hash_of_the_settings_is_the_same_for_every_task_day_and_seed() -> None:
    def resolved(question: str, date: str, seed: int, model: str = "m") -> ResolvedResearch:
        return ResolvedResearch(
            research=research_config("react"),
            task=Task(id=question, question=question),
            date=date,
            strategy="tagged",
            model_name=model,
            world_name="w",
            seed=seed,
        )

    assert resolved("a", "2026-01-01", 1).hash == resolved("b", "2026-01-02", 2).hash
    assert resolved("a", "2026-01-01", 1).hash != resolved("a", "2026-01-01", 1, "other").hash


async def test_a_run_with_a_reader_can_be_repeated_and_gone_on_with(tmp_path: Path) -> None:
    await small_world(tmp_path / "corpora" / "small").close()
    environment = Environment(home=tmp_path)
    visit = {"name": "visit", "arguments": {"url": ["wiki/Carla_Rossi"], "goal": "where she died"}}
    said = [f"<tool_call>\n{json.dumps(visit)}\n</tool_call>", "<answer>She died in Ostra [E1].</answer>"]
    read = [json.dumps({"rational": "it says so", "evidence": ["E1"], "summary": "Ostra"})]
    specs = {}
    for name, replies in (("agent", said), ("reader", read)):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps({"content": reply}) + "\n" for reply in replies))
        specs[name] = f"scripted:{path}"
    research = research_config("react", model=specs["agent"], reader=specs["reader"], world="small", calling="tagged")
    view = LiveView(enabled=False)
    outcome = await ask("Where did Carla Rossi die?", research, environment, view=view)
    assert outcome.exit_code == 0 and outcome.report.usage.llm_calls == 3
    trajectory, steps = await repeat(outcome.folder, environment)
    assert trajectory.answer == "She died in Ostra [E1]." and steps == 4
    assert (await go_on(outcome.folder, environment, view=view)).report == outcome.report


async def test_a_file_of_the_user_is_read_cited_and_verified_also_when_it_is_gone(tmp_path: Path) -> None:
    await small_world(tmp_path / "corpora" / "small").close()
    report = tmp_path / "My report.csv"
    report.write_text("city,people\nOstra,4200\nVelden,900\n")
    call = {"name": "parse_file", "arguments": {"files": ["my report.CSV"]}}
    script = tmp_path / "agent.jsonl"
    said = [f"<tool_call>\n{json.dumps(call)}\n</tool_call>", "<answer>Ostra has 4200 people [E1].</answer>"]
    script.write_text("".join(json.dumps({"content": reply}) + "\n" for reply in said))
    environment = Environment(home=tmp_path)
    research = configure(
        "react", model=f"scripted:{script}", world="small", files=[report], environment=environment,
        overrides=["calling=tagged"],
    )  # fmt: skip
    view = LiveView(enabled=False)
    outcome = await ask("How many people has Ostra?", research, environment, view=view)
    assert outcome.report.evidence[0].url == "file:My_report.csv" and outcome.report.read == ("my report.CSV",)
    assert outcome.report.answer.supported == 1
    trajectory, _ = await repeat(outcome.folder, environment)
    assert trajectory.segments[0].start[1].content.startswith("(Uploaded 1 file: ['My report.csv'])\n\nHow many")
    report.unlink()
    assert (await go_on(outcome.folder, environment, view=view)).report == outcome.report
    lines = verify_folder(outcome.folder / "report.json")
    assert len(lines) > 5 and [line for line in lines if line.problem] == []


def test_files_go_to_agents_that_read_them_and_must_be_there(tmp_path: Path) -> None:
    environment = Environment(home=tmp_path, model_url=URL, model_name="qwen")
    with pytest.raises(ConfigError, match="guided reads no files") as caught:
        configure("guided", files=[tmp_path], environment=environment)
    assert "react" in caught.value.hint
    research = configure("react", files=[tmp_path / "none.pdf"], environment=environment)
    with pytest.raises(ConfigError, match=r"none\.pdf cannot be given"):
        open_files(research)
