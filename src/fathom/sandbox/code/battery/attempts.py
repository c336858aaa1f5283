"""The whole battery, and the short one of the self-test."""

from fathom.sandbox.code.battery.exhaustion import DISK, MEMORY, PROCESS_COUNT, TIME
from fathom.sandbox.code.battery.kernel import CALLS, KERNEL, STATE
from fathom.sandbox.code.battery.output import OUTPUT
from fathom.sandbox.code.battery.outside import FILES, NETWORK, PROCESSES

ALL = (*FILES, *NETWORK, *PROCESSES, *CALLS, *KERNEL, *TIME, *PROCESS_COUNT, *MEMORY, *DISK, *OUTPUT, *STATE)
SHORT = tuple(attempt for attempt in ALL if attempt.short)
