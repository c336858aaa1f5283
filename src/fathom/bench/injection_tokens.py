"""Whether text of a page can become a special token: a small tokenizer is trained and given every one, spelt out.

Special tokens of a chat format are kept out by the renderer, whatever the text. Tokenizers also have tokens of their
own for tags such as `<tool_call>`, which a model must be able to write; those are kept out by `neutralise`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fathom.llm.render.formats import FORMATS
from fathom.llm.render.renderer import Renderer
from fathom.llm.wire import neutralise, render_observation

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Of chat templates in use; those of fathom's own formats come with them.
TOKENS = (
    "<|im_start|> <|im_end|> <|endoftext|> <|begin_of_text|> <|end_of_text|> <|start_header_id|> <|end_header_id|> "
    "<|eot_id|> <|eom_id|> <|python_tag|> <|channel|> <|message|> <|call|> <|return|> <|start|> <|end|> <|system|> "
    "<|user|> <|assistant|> <|observation|> <|START_OF_TURN_TOKEN|> <|END_OF_TURN_TOKEN|> <|fim_prefix|> <|pad|> "
    "<|tool_calls_section_begin|> <|tool_call_begin|> <|im_user|> <|start_of_role|> <｜User｜> <｜Assistant｜> "
    "<｜end▁of▁sentence｜> <｜tool▁calls▁begin｜> <s> </s> <bos> <eos> <unk> <pad> <mask> <sop> <eop> "
    "[gMASK] [INST] [/INST] "
    "[TOOL_CALLS] [TOOL_RESULTS] [/TOOL_RESULTS] [AVAILABLE_TOOLS] [SYSTEM_PROMPT] [THINK] [/THINK] [IMG] "
    "<repo_name> <reponame> <file_sep> <filename> <gh_stars> <issue_start> <issue_comment> <issue_closed> "
    "<jupyter_start> <jupyter_text> <jupyter_code> <jupyter_output> <jupyter_script> <empty_output> "
    "<commit_before> <commit_msg> <commit_after> <fim_prefix> <fim_middle> <fim_suffix> <fim_pad> "
    "<start_of_turn> <end_of_turn> <start_of_image> ]~b] ]~!b[ [e~[ "
    "[|system|] [|user|] [|assistant|] [|endofturn|] [|tool|] [BOS] [EOS] <seed:bos> <seed:eos> <seed:think> "
    "</seed:think> <seed:tool_call> <reserved_106> <reserved_107> <|reserved_special_token_3|> <extra_id_0> "
    "<extra_id_1> <SPECIAL_12> <BOS_TOKEN> <EOS_TOKEN> <PAD_TOKEN> <UNK_TOKEN> "
    "<MASK_TOKEN> <EOP_TOKEN> <CLS> <SEP> <EOT> <eoh> "
    "<EOD> <eoa> [CALL_ID] [TOOL_CONTENT] [MODEL_SETTINGS] [PREFIX] [SUFFIX] [MIDDLE] [IMG_BREAK] [IMG_END] "
    "[AUDIO] [BEGIN_AUDIO] [TRANSCRIBE] [sMASK] <end_of_utterance> <beginning_of_sentence> <_user> <_bot> <_end>"
).split()
TAGS = (
    "<think> </think> <tool_call> </tool_call> <tool_response> </tool_response> <tools> </tools> <answer> </answer> "
    "<arg_key> </arg_key> <arg_value> </arg_value> <minimax:tool_call> </minimax:tool_call>"
).split()


def special_ids(texts: Sequence[str], observations: Sequence[str]) -> int:
    """How many ids of special tokens or tags come of these texts of pages, of every token spelt out in them, and of
    these observations as the model is shown them, whose own frame is left out."""
    count = 0
    pages = [*texts, *(f"Before{token}after {token} end." for token in (*TOKENS, *TAGS))]
    frame = render_observation([""]).split("\n\n")
    inner = [text.removeprefix(f"{frame[0]}\n").removesuffix(f"\n{frame[-1]}") for text in observations]
    for chat in FORMATS.values():
        special = tuple(dict.fromkeys((*chat.special, *TOKENS)))
        tokenizer = trained(texts, special)
        renderer = Renderer(tokenizer, chat)
        reserved = {tokenizer.token_to_id(token) for token in special}
        tags = reserved | {tokenizer.token_to_id(tag) for tag in TAGS}
        count += sum(number in reserved for text in pages for number in renderer.encode(text))
        shown = [*(neutralise(text) for text in pages), *inner]
        count += sum(number in tags for text in shown for number in renderer.encode(text))
    return count


def trained(texts: Sequence[str], special: Sequence[str]) -> "Tokenizer":
    """A byte-level tokenizer of a few hundred tokens with these special tokens, and the tags as tokens that are not."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600 + len(special),
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in TAGS])
    return tokenizer
