"""The whole battery, the short one of the self-test, and one attempt that is many in one worker."""

from fathom.sandbox.code.battery.attempt import Attempt
from fathom.sandbox.code.battery.exhaustion import DISK, MEMORY, PROCESS_COUNT, TIME
from fathom.sandbox.code.battery.kernel import CALLS, KERNEL, STATE
from fathom.sandbox.code.battery.output import OUTPUT
from fathom.sandbox.code.battery.outside import FILES, NETWORK, OPEN_TO_WRITE, PROCESSES

ALL = (*FILES, *NETWORK, *PROCESSES, *CALLS, *KERNEL, *TIME, *PROCESS_COUNT, *MEMORY, *DISK, *OUTPUT, *STATE)
SHORT = tuple(attempt for attempt in ALL if attempt.short)

# What the settings of the sandbox that is to be used could open, which lays packages in and loads modules before code
# comes. Each of these does no more than call `attempt` or `reach`, after which the next is made.
_AS_USED = (
    "read_open_file write_open_folder other_processes_by_proc environment"
    " loopback_tcp loopback_udp abstract_unix_socket signal_process trace_process call_unshare call_mount call_bpf"
).split()
_BY_NAME = {attempt.name: attempt for attempt in ALL}
_CODES = [OPEN_TO_WRITE.code, *(_BY_NAME[name].code for name in _AS_USED)]
AS_USED = Attempt(name="as_used", kind="state", code="\n".join(_CODES))
