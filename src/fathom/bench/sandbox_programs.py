"""Programs for `fathom bench sandbox`: good ones with the one right answer, and hostile ones between them."""

from collections.abc import Callable
from dataclasses import dataclass

from fathom.core.errors import ProviderFault
from fathom.core.seeds import stream
from fathom.sandbox.code.config import CodeLimits
from fathom.sandbox.code.protocol import CodeResult

# A good program takes a hundredth of this time on an idle machine.
LIMITS = CodeLimits(timeout_s=20, memory_mb=192, processes=24, disk_mb=8, flood_bytes=4_000_000)


@dataclass(frozen=True)
class Program:
    """`wanted` is all that a good program prints; None for a hostile one, which must only be bounded."""

    name: str
    code: str
    wanted: str | None


def _sum(n: int) -> tuple[str, str]:
    return f"print(sum(range({n})))", f"{n * (n - 1) // 2}\n"


def _words(n: int) -> tuple[str, str]:
    code = f"from collections import Counter\nprint(sorted(Counter('ab' * {n} + 'c').items()))"
    return code, f"[('a', {n}), ('b', {n}), ('c', 1)]\n"


def _files(n: int) -> tuple[str, str]:
    code = f"open('x', 'w').write('y' * {n})\nprint(len(open('x').read()), __import__('os').listdir('.'))"
    return code, f"{n} ['x']\n"


def _children(n: int) -> tuple[str, str]:
    code = f"import os\nif os.fork() == 0:\n    print({n})\n    os._exit(0)\nos.wait()\nprint('parent')"
    return code.replace(f"print({n})", f"print({n}, flush=True)"), f"{n}\nparent\n"


def _failing(n: int) -> tuple[str, str]:
    return f"try:\n    {n} / 0\nexcept ZeroDivisionError as error:\n    print({n}, error)", f"{n} division by zero\n"


def _memory(n: int) -> tuple[str, str]:
    return f"block = bytearray({n} + 50_000_000)\nprint(len(block))", f"{n + 50_000_000}\n"


_GOOD: dict[str, Callable[[int], tuple[str, str]]] = {
    "sum": _sum,
    "words": _words,
    "files": _files,
    "children": _children,
    "failing": _failing,
    "memory": _memory,
}

_HOSTILE = {
    "forks": (
        "import os, time\nwhile True:\n    try:\n        if os.fork() == 0:\n            time.sleep(3)\n"
        "            os._exit(0)\n    except OSError:\n        break"
    ),
    "eats_memory": "held = []\nwhile True:\n    held.append(bytearray(10_000_000))",
    "children_eat_memory": (
        "import os\nfor _ in range(6):\n    if os.fork() == 0:\n        block = bytearray(80_000_000)\n"
        "        for place in range(0, len(block), 4096):\n            block[place] = 1\n        os._exit(0)\n"
        "for _ in range(6):\n    os.wait()"
    ),
    "floods": "while True:\n    print('x' * 60_000)",
    "kills_all": "import os\nos.kill(-1, 9)",
    "crashes": "import os\nos.kill(os.getpid(), 11)",
    "fills_disk": "with open('fill', 'wb') as file:\n    while True:\n        file.write(bytes(1 << 20))",
    "leaves_a_process": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)",
    "breaks_the_channel": (
        "import os\nfor number in range(3, 64):\n    try:\n        os.write(number, b'\\xff' * 100_000)\n"
        "    except OSError:\n        pass"
    ),
}
_SLOW = {"never_ends": "while True:\n    pass"}  # few of these, since each takes all of its time


def programs(count: int) -> list[Program]:
    """`count` programs in a mixed order that is always the same, every fourth of them hostile."""
    random = stream(0, "sandbox", "programs")
    mixed = []
    for number in range(count):
        if number % 4 == 3:
            kinds = _SLOW if number % 200 == 3 else _HOSTILE
            name = random.choice(sorted(kinds))
            mixed.append(Program(name, kinds[name], None))
        else:
            name = random.choice(sorted(_GOOD))
            mixed.append(Program(name, *_GOOD[name](random.randrange(100, 10_000))))
    random.shuffle(mixed)
    return mixed


def wrong(program: Program, result: CodeResult | ProviderFault) -> bool:
    """Whether a good program did not end well with its answer, or a hostile one was not kept within its limits."""
    if isinstance(result, ProviderFault):
        return True
    if program.wanted is not None:
        return (result.end, result.stdout) != ("ok", program.wanted)
    kept = len(result.stdout) + len(result.stderr) <= 2 * LIMITS.stream_bytes + 200
    return not kept or result.seconds > LIMITS.timeout_s + 5
