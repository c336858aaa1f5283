"""How chat formats write a conversation: what stands before and after each message.

`nano` is fathom's own for models trained from nothing, without line breaks between messages; `chatml` is what Qwen,
SmolLM and the released Tongyi checkpoint use.
"""

from fathom.core.errors import ConfigError
from fathom.core.message import Role
from fathom.core.model import Frozen


class ChatFormat(Frozen):
    """`before` and `after` stand around a message's content; `after` begins with the special token `end`, which ends a
    sampled turn. `special` lists all special tokens."""

    name: str
    before: dict[Role, str]
    after: str
    end: str
    special: tuple[str, ...]

    @property
    def template(self) -> str:
        """The same as a Jinja template, for `transformers`."""
        roles = "".join(
            f"{{%- {'if' if n == 0 else 'elif'} message['role'] == '{role}' -%}}{{{{- {before!r} -}}}}"
            for n, (role, before) in enumerate(self.before.items())
        )
        return (
            f"{{%- for message in messages -%}}{roles}{{%- endif -%}}{{{{- message['content'] -}}}}"
            f"{{{{- {self.after!r} -}}}}{{%- endfor -%}}"
            f"{{%- if add_generation_prompt -%}}{{{{- {self.before['assistant']!r} -}}}}{{%- endif -%}}"
        )


NANO = ChatFormat(
    name="nano",
    before={"system": "<|system|>", "user": "<|user|>", "assistant": "<|assistant|>", "tool": "<|user|>"},
    after="<|end|>",
    end="<|end|>",
    special=("<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
)
CHATML = ChatFormat(
    name="chatml",
    before={
        "system": "<|im_start|>system\n",
        "user": "<|im_start|>user\n",
        "assistant": "<|im_start|>assistant\n",
        "tool": "<|im_start|>user\n",
    },
    after="<|im_end|>\n",
    end="<|im_end|>",
    special=("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
)
FORMATS = {each.name: each for each in (NANO, CHATML)}


def chat_format(name: str) -> ChatFormat:
    """The format of that name. Raises `ConfigError`."""
    if name not in FORMATS:
        raise ConfigError(f"there is no chat format {name!r}; there is {', '.join(FORMATS)}")
    return FORMATS[name]
