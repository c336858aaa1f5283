"""`Renderer`: messages to token ids, sampled ids to text.

Two laws. parse(render(m)) = m for any assistant message. And the ids of a conversation begin with those of every
beginning of it: messages are encoded one by one and joined, so no token ever spans a border between messages.

What stands in a message cannot become a special token: `<|end|>` in a page is encoded as the letters it is made of.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from fathom.core.errors import ConfigError
from fathom.core.message import Message, Role
from fathom.llm.render.formats import ChatFormat
from fathom.llm.wire import ParsedReply, render_tagged

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_CACHED_MESSAGES = 4096  # system prompts and questions of a group come again and again


class Renderer:
    """A tokenizer with a chat format. Raises `ConfigError` where the tokenizer lacks the format's special tokens."""

    def __init__(self, tokenizer: "Tokenizer", chat: ChatFormat) -> None:
        known = {token: number for token in chat.special if (number := tokenizer.token_to_id(token)) is not None}
        if missing := [token for token in chat.special if token not in known]:
            raise ConfigError(f"the tokenizer lacks {', '.join(missing)} of the chat format {chat.name}")
        tokenizer.encode_special_tokens = True
        self.tokenizer, self.format, self._special = tokenizer, chat, known
        self.end_id, self.pad_id = known[chat.end], known[chat.special[0]]
        self._before = {role: self._with_special(text) for role, text in chat.before.items()}
        self._after = self._with_special(chat.after)
        self._message_ids = lru_cache(_CACHED_MESSAGES)(self._encode_message)

    def encode(self, text: str) -> tuple[int, ...]:
        """Plain text as ids; special tokens in it are letters."""
        return tuple(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def message(self, message: Message) -> tuple[int, ...]:
        """One whole message, with what stands around it."""
        return self._message_ids(message.role, self.content(message))

    def content(self, message: Message) -> str:
        """What of a message is written: its content, with thought and calls as tagged text where they are apart."""
        if not message.reasoning and not message.tool_calls:
            return message.content
        return render_tagged(ParsedReply(text=message.content, reasoning=message.reasoning, calls=message.tool_calls))

    def render(self, messages: Sequence[Message], *, reply: bool = True) -> tuple[int, ...]:
        """The conversation; with `reply` up to where the assistant's next words begin."""
        ids = [token for message in messages for token in self.message(message)]
        return (*ids, *self._before["assistant"]) if reply else tuple(ids)

    def continued(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """What follows a sampled turn up to the next one: the rest of the turn's end, then these messages."""
        return (*self._after[1:], *self.render(messages))

    def parse(self, ids: Sequence[int]) -> tuple[str, bool]:
        """The text of a sampled turn, and whether it ended by itself."""
        ended = bool(ids) and ids[-1] == self.end_id
        text: str = self.tokenizer.decode(list(ids[:-1] if ended else ids), skip_special_tokens=False)
        return text, ended

    def _encode_message(self, role: Role, content: str) -> tuple[int, ...]:
        return (*self._before[role], *self.encode(content), *self._after)

    def _with_special(self, text: str) -> tuple[int, ...]:
        """A format's own text: special tokens in it are special."""
        ids: list[int] = []
        while text:
            at, token = min(((text.find(s), s) for s in self.format.special if s in text), default=(len(text), ""))
            ids += self.encode(text[:at])
            if token:
                ids.append(self._special[token])
            text = text[at + len(token) :]
        return tuple(ids)
