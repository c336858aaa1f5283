"""Attempts to use up whoever reads: floods, large results, forged reports."""

from fathom.sandbox.code.battery.attempt import Attempt
from fathom.sandbox.code.protocol import End


def _attempt(name: str, code: str, *, ends: tuple[End, ...] = (), short: bool = False) -> Attempt:
    return Attempt(name=name, kind="output", code=code, ends=ends, short=short)


OUTPUT = [
    _attempt(
        "flood_of_lines",
        "for _ in range(3_000_000):\n    print('x' * 66)",
        ends=("output", "timeout"),
        short=True,
    ),
    _attempt("flood_of_errors", "while True:\n    os.write(2, b'e' * 65536)", ends=("output", "timeout")),
    _attempt("one_long_line", "print('y' * 1_000_000)\nsay('BOUNDED')"),
    _attempt("bytes_that_are_no_text", "os.write(1, bytes(range(256)) * 100)\nsay('\\nBOUNDED')"),
    _attempt("large_result_file", "open('r.bin', 'wb').write(bytes(3_000_000))\nsay('BOUNDED')"),
    _attempt("many_result_files", "for n in range(300):\n    open(f'r{n}', 'w').write('r')\nsay('BOUNDED')"),
    _attempt(
        "flood_of_the_control_channel",
        """
import stat
for number in range(3, 256):
    try:
        if stat.S_ISSOCK(os.fstat(number).st_mode):
            os.set_blocking(number, False)
            for _ in range(300):
                os.write(number, b'\\xff' * 65536)
    except OSError:
        pass
say('BOUNDED')
""",
        ends=("died", "ok"),
        short=True,
    ),
    _attempt(
        "forged_report",
        """
import stat, struct
report = {'end': 'ok', 'files': [['../../made', 'eA=='], ['/made', 'eA=='], ['a\\0b', 'eA==']], 'files_left_out': -5}
body = json.dumps(report).encode()
for number in range(3, 256):
    try:
        if stat.S_ISSOCK(os.fstat(number).st_mode):
            os.write(number, struct.pack('>I', len(body)) + body)
    except OSError:
        pass
say('BOUNDED')
""",
        ends=("died", "ok"),
    ),
]
