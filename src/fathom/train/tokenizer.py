"""Training a small byte-level BPE tokenizer for a corpus and the wire of the agents.

Three choices make copying names easy for a small model, which never has seen most of them. A capitalised word does not
take its leading space in, so that a name has the same ids in a sentence, a query and an address; other words and
punctuation take in the spaces on both sides, so that a word with a meaning comes before a name. Digits stand alone. And
what the wire writes between names (`<tool_call>\\n{"name": "search", ...`) is one token each.
"""

from collections.abc import Iterable
from pathlib import Path

from pydantic import Field
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from fathom.core.config import Config
from fathom.core.errors import ConfigError
from fathom.core.model import canonical_json
from fathom.core.texts import write_durably
from fathom.llm.local.files import TOKENIZER, TOKENIZER_CONFIG
from fathom.llm.render.formats import NANO, ChatFormat, chat_format

WIRE_PIECES = (
    "<think>\n",
    "\n</think>\n",
    '<tool_call>\n{"name": "search", "arguments": {"query": ["',
    '"]}}\n</tool_call>',
    '<tool_call>\n{"name": "visit", "arguments": {"url": ["',
    '"], "goal": "',
    '"}}\n</tool_call>',
    "<answer>\n",
    "\n</answer>",
    "<tool_response>\n",
    "\n</tool_response>",
    ' pages for "',
    "What closed:",
    "](closed:",
    "closed:",
    '") says about: ',
    "\nEvidence in page:\n[E",
)
"""Pieces of the tagged wire and of what the tools write."""
PAIRS = tuple(f"{number:02}" for number in range(100))
"""With these among the pieces two digits are one token and a year is two, which is easier to copy than four."""

_SPLIT = r"\d|\p{Lu}\p{Ll}*| ?\p{Ll}+ ?|\n+| ?[^\s\p{Lu}\p{Ll}\d]+ ?|\s"


class TokenizerConfig(Config):
    """Settings of a tokenizer."""

    vocab_size: int = Field(default=1024, ge=300, description="token ids in all; bytes and pieces among them")
    pieces: tuple[str, ...] = Field(default=WIRE_PIECES, description="texts that are one token each")
    chat: str = Field(default=NANO.name, description="chat format, see fathom.llm.render.formats")


def train_tokenizer(texts: Iterable[str], config: TokenizerConfig = TokenizerConfig()) -> Tokenizer:
    """A tokenizer of exactly `vocab_size` ids where the texts have enough to merge. Deterministic in the texts. Raises
    `ConfigError` where bytes, pieces and the tokens of the chat format alone are more."""
    chat = chat_format(config.chat)
    least = len(pre_tokenizers.ByteLevel.alphabet()) + len(chat.special) + len(config.pieces)
    if least > config.vocab_size:
        hint = f"at least {least} are needed for bytes, pieces and special tokens"
        raise ConfigError(f"tokenizer.vocab_size: {config.vocab_size} ids are too few", hint=hint)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocab_size - len(config.pieces),
        special_tokens=list(chat.special),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(piece, normalized=False, special=False) for piece in config.pieces])
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path, chat: ChatFormat = NANO) -> None:
    """Write the two files that `transformers.AutoTokenizer` reads, the chat template in them."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": chat.special[0],
        "eos_token": chat.end,
        "chat_template": chat.template,
        "chat_format": chat.name,
        "clean_up_tokenization_spaces": False,
    }
    write_durably(folder / TOKENIZER, tokenizer.to_str().encode())
    write_durably(folder / TOKENIZER_CONFIG, canonical_json(settings).encode() + b"\n")
