"""The gateway: the one way by which agents' calls go out, whatever answers them.

`service` says what is asked and who can answer, `gateway` asks; `cache`, `breaker`, `limits` and `calls` are its parts.
"""
