"""fathom: a deep-research agent, and the factory that makes such agents from documents."""

__version__ = "0.1.0"
