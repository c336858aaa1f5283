"""Write docs/schemas: the JSON schema of every record fathom publishes. Run by `make schemas`; a test compares."""

import json
import sys
from pathlib import Path

from fathom.core.events import Event
from fathom.core.trajectory import Trajectory
from fathom.evals.protocol import AttemptRecord
from fathom.evals.report import EvalReport
from fathom.grading.report import Report
from fathom.rollout.runner import RunRecord
from fathom.synth.trajectories.samples import SftSample

PUBLISHED = {
    "trajectory": Trajectory,
    "event": Event,
    "run": RunRecord,
    "report": Report,
    "attempt": AttemptRecord,
    "eval_report": EvalReport,
    "sft": SftSample,
}
FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"


def schemas() -> dict[str, str]:
    """File name to text, as they are to be."""
    found = {}
    for name, record in PUBLISHED.items():
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"fathom/{name}.schema.json",
            **record.model_json_schema(by_alias=True, mode="serialization"),
        }
        found[f"{name}.schema.json"] = json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    return found


def main() -> int:
    """Write the files that differ; always 0."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stderr.write(f"wrote {path.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
