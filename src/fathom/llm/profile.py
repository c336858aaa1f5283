"""What is known about a model: the profile that `fathom doctor` measures and every later run reads."""

import hashlib
import re
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from fathom.core.errors import InputError
from fathom.core.model import Frozen
from fathom.llm.calling import CallingStrategy

ContextEnd = Literal["refused", "silent", "bounds", "unknown"]


class Finding(Frozen):
    """One thing found. `advice` is the one line on what to do, empty where nothing is to be done."""

    level: Literal["ok", "warn", "fail"]
    what: str
    advice: str = ""


class Trials(Frozen):
    """How often something worked; `note` says what went wrong the last time it did not."""

    passed: int = 0
    tried: int = 0
    note: str = ""

    @property
    def reliable(self) -> bool:
        return self.tried > 0 and self.passed == self.tried


class ContextProfile(Frozen):
    """The context window. `end` tells what ended the probe: the endpoint `refused` a longer prompt, cut it in `silent`,
    or the probe came to its own `bounds`, so that the window is at least `tokens`."""

    tokens: int = Field(default=0, description="longest prompt that went in whole, in tokens")
    end: ContextEnd = "unknown"
    recall_tokens: int = Field(default=0, description="longest prompt of which start, middle and end were all recalled")
    recalled: dict[str, int] = Field(default={}, description="per place of the needle: longest prompt it was found in")
    counted: bool = Field(default=False, description="tokens as the endpoint counts them; otherwise 4 characters each")


class SpeedProfile(Frozen):
    """Seconds and tokens per second, of one request at a time; 0 where it could not be measured."""

    latency_s: float = Field(default=0.0, description="seconds for a reply to a short question")
    prefill_tokens_per_s: float = 0.0
    generation_tokens_per_s: float = 0.0


class ModelProfile(Frozen):
    """One measurement of one model at one endpoint. `spec` is how it was named to fathom, `measured_at` is UTC."""

    spec: str
    model: str = ""
    reached: bool = Field(
        default=True, description="whether the model gave any reply; without one nothing was measured"
    )
    measured_at: str
    fathom: str = ""
    context: ContextProfile = ContextProfile()
    json_schema: Trials = Trials()
    native_tools: Trials = Trials()
    tagged: Trials = Trials()
    reasoning: Literal["none", "separate", "leaks", "unknown"] = "unknown"
    languages: dict[str, bool] = {}
    speed: SpeedProfile = SpeedProfile()
    strategy: CallingStrategy = "repair"
    findings: tuple[Finding, ...] = ()
    calls: int = Field(default=0, description="requests the examination took")
    tokens: int = Field(default=0, description="prompt and completion tokens it took")
    seconds: float = 0.0

    @property
    def verdict(self) -> Literal["usable", "limited", "unusable"]:
        levels = {finding.level for finding in self.findings}
        return "unusable" if "fail" in levels else "limited" if "warn" in levels else "usable"


def profile_path(home: Path, spec: str) -> Path:
    """Where the profile of that model is kept: a readable name, and a few digits so that no two specs share one."""
    spec = spec.removeprefix("@")  # an endpoint of which the first model is taken
    readable = re.sub(r"[^a-z0-9]+", "-", spec.lower()).strip("-")[:60]
    return home / "profiles" / f"{readable}-{hashlib.sha256(spec.encode()).hexdigest()[:8]}.json"


def save_profile(home: Path, profile: ModelProfile) -> Path:
    """Write the profile in place of an older one and return where it is."""
    path = profile_path(home, profile.spec)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_text(profile.model_dump_json(indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


def load_profile(home: Path, spec: str) -> ModelProfile | None:
    """The stored profile, or None where the model was never examined. Raises `InputError` for a damaged file."""
    path = profile_path(home, spec)
    try:
        return ModelProfile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise InputError(path, "corrupt", problem, hint="run `fathom doctor` again, or delete the file") from None
