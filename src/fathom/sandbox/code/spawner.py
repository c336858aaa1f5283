"""The process that starts workers and looks after their ends: `python -m fathom.sandbox.code.spawner FD`.

It stands between the supervisor, which may have many threads and end at any moment, and the workers, which are tied to
the one thread that started them. It starts, kills and reaps; code and output never pass through it. When the supervisor
is gone, however that came about, the control socket ends, and the spawner ends every worker and removes what was made
for them. When the spawner itself is killed, the kernel kills the workers.

Messages are JSON, one in a packet. In: the plan; then `{"spawn": id}` with three descriptors, `{"kill": id}`. Out:
`{"fit": true}` or `{"unfit": reason}`; `{"failed": id, "reason": text}`; `{"exited": id, "status": n, "oom": bool}`.
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys
from typing import Any

from fathom.core.errors import ConfigError
from fathom.sandbox.code.plan import MAX_MESSAGE, Launcher, SpawnPlan

_SOON_S, _LATER_S = 0.005, 1.0


class Spawner:
    """The loop over one launcher. One thread; nothing in it waits for a worker."""

    def __init__(self, control: socket.socket, bell: int, launcher: Launcher) -> None:
        self._control, self._bell, self._launcher = control, bell, launcher
        self._parent = os.getppid()

    def serve(self) -> None:
        """Go on until the supervisor is gone."""
        while os.getppid() == self._parent:
            wait_s = _SOON_S if self._launcher.ending else _LATER_S
            control = self._control.fileno()
            ready, _, _ = select.select([control, self._bell], [], [], wait_s)
            if self._bell in ready:
                os.read(self._bell, 4096)
            if control in ready and not self._take():
                return
            for gone in self._launcher.reap():
                self._say({"exited": gone.worker, "status": gone.status, "oom": gone.out_of_memory})

    def _take(self) -> bool:
        """Carry out one message; False where there is no supervisor any more."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, MAX_MESSAGE, 3)
        except OSError:
            return False
        if not data:
            return False
        message = json.loads(data)
        if "kill" in message:
            self._launcher.kill(message["kill"])
            return True
        try:
            if len(descriptors) != 3:
                raise OSError("the descriptors of a worker did not arrive")
            self._launcher.spawn(message["spawn"], (descriptors[0], descriptors[1], descriptors[2]))
        except (OSError, ConfigError) as error:
            self._say({"failed": message["spawn"], "reason": str(error)[:500]})
        finally:
            for number in descriptors:
                os.close(number)
        return True

    def _say(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the supervisor is gone, which the next round sees
            self._control.send(json.dumps(message).encode())


def main(descriptor: int) -> None:
    """Serve the supervisor at the other end of the socket `descriptor`."""
    control = socket.socket(fileno=descriptor)
    bell, ringing = os.pipe()
    os.set_blocking(ringing, False)
    signal.set_wakeup_fd(ringing, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda number, frame: control.shutdown(socket.SHUT_RDWR))
    plan = SpawnPlan.from_json(control.recv(MAX_MESSAGE))
    launcher: Launcher | None = None
    try:
        launcher = _launcher(plan, ringing)
        control.send(json.dumps({"fit": True}).encode())
        Spawner(control, bell, launcher).serve()
    except (ConfigError, OSError) as error:
        control.send(json.dumps({"unfit": str(error)[:1000]}).encode())
    finally:
        if launcher is not None:
            launcher.close()


def _launcher(plan: SpawnPlan, ringing: int) -> Launcher:
    if plan.backend == "bubblewrap":
        from fathom.sandbox.code.bubblewrap import BubblewrapLauncher

        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # only so that the bell rings
        return BubblewrapLauncher(plan)
    from fathom.sandbox.code.landlock import LandlockLauncher

    def wake() -> None:
        with contextlib.suppress(OSError):
            os.write(ringing, b"\0")

    return LandlockLauncher(plan, wake)


if __name__ == "__main__":
    main(int(sys.argv[1]))
