"""The bench that kills finds nothing lost over the real store, and finds what a store without care would lose."""

import json
import subprocess
import sys
from pathlib import Path

_KILL = """
import json, sys
from pathlib import Path
from fathom.bench import resume
from fathom.rollout import journal, store

{damage}
torture = resume.Torture(Path(sys.argv[1]), lambda line: None)
for hook, kind in torture._undisturbed(0)[0][20:44:3]:
    torture._one(0, hook, resume._at_hook(hook))
torture.at_random(6)
tally = torture.tally
print(json.dumps([tally.kills, tally.identical, tally.lost, tally.doubled, tally.redone]))
"""
_FORGETS = """
def append(self, kind, key, body, real=store.RunStore.append):
    # Acknowledges, and writes with the next one.
    held = self.__dict__.setdefault("held", [])
    held.append((kind, key, body))
    if len(held) > 1 or kind == "run_ended":
        for one in held:
            event = real(self, *one)
        held.clear()
        return event
    return store.Event(run_id=self.run_id, seq=self._seq, kind=kind, key=key, body=body, at=0.0)
store.RunStore.append = append
"""


def kill(scratch: Path, damage: str = "") -> list[int]:
    code = _KILL.format(damage=damage)
    # A process of its own, since the bench forks, which a process with threads must not.
    done = subprocess.run([sys.executable, "-c", code, str(scratch)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts: list[int] = json.loads(done.stdout)
    return counts


def test_killed_runs_are_resumed_identically(memory_path: Path) -> None:
    assert kill(memory_path) == [14, 14, 0, 0, 0]


def test_a_store_that_acknowledges_too_early_is_found_out(memory_path: Path) -> None:
    kills, _, lost, _, _ = kill(memory_path, _FORGETS)
    assert kills == 14 and lost > 0
