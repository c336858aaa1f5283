"""Tools of other people's servers, by the Model Context Protocol.

`McpServer` is one server, over standard input and output or over HTTP; `mcp_tools` makes tools of what servers offer.
Nothing a server says is trusted: what it offers is checked before it stands in a prompt, what it replies is data, and
what it asks of us (samples, input, folders) is refused. Needs the extra `mcp`.
"""
