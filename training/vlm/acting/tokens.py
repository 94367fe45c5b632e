"""Conversations as tokens: what the model said apart from all that was said to it.

Needs the extra `train`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch

from reinspect.training.vlm.acting.chat import ChatMessage, pictures_in
from reinspect.training.vlm.dataset import DatasetError

NOT_LEARNED = -100
"""Label of a token that nothing is learned from, as torch's cross entropy has it."""

Fields = dict[str, torch.Tensor]


class Spoken(NamedTuple):
    """A conversation as tokens."""

    fields: Fields
    """What the processor makes of it: `input_ids` and more a token, (1, tokens); pictures."""
    own: torch.Tensor
    """Whether the model said it: (tokens,), bool."""


def refuse_template(processor: Any) -> None:
    """Refuse a model whose chat template can't hold conversations with tools.

    Raises:
        DatasetError: it leaves tools out, or writes anew what was said before.
    """
    from trl.chat_template_utils import is_chat_template_prefix_preserving, supports_tool_calling

    if not supports_tool_calling(processor):
        raise DatasetError(
            "the model's chat template has no place for tools; take a model that was made for "
            "tool calling (Qwen3-VL's Instruct models are)"
        )
    if not is_chat_template_prefix_preserving(processor):
        raise DatasetError(
            "the model's chat template writes earlier turns anew at each turn, so that a "
            "conversation can't be learned as it was held; take the template of an Instruct model"
        )


def spoken(
    processor: Any, messages: Sequence[ChatMessage], tools: Sequence[Mapping[str, Any]]
) -> Spoken:
    """A conversation turn by turn, so that tokens are those that were written and read.

    Raises:
        DatasetError: the chat template does not write the turns one after another.
    """
    pieces, own = list[Fields](), list[bool]()
    at, done = 0, ""
    for place, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        asked = _written(processor, messages[:place], tools, prompted=True)
        said = _written(processor, messages[: place + 1], tools, prompted=False)
        end = processor.tokenizer.eos_token
        cut = said.rindex(end) + len(end) if end in said[len(asked) :] else len(said)
        if not (asked.startswith(done) and said.startswith(asked)):
            raise DatasetError("the model's chat template writes earlier turns anew at each turn")
        pieces.append(encoded(processor, asked[len(done) :], messages[at:place]))
        pieces.append(encoded(processor, said[len(asked) : cut], ()))
        own += [False, True]
        at, done = place + 1, said[:cut]
    every = joined(pieces)
    sizes = [piece["input_ids"].shape[1] for piece in pieces]
    mask = [torch.full((size,), mine) for size, mine in zip(sizes, own, strict=True)]
    return Spoken(every, torch.cat(mask) if mask else torch.zeros(0, dtype=torch.bool))


def after_an_answer(processor: Any, replies: Sequence[ChatMessage]) -> Fields:
    """What follows the token that ends an answer: replies to it, up to the next answer."""
    before: list[ChatMessage] = [
        {"role": "user", "content": [{"type": "text", "text": "."}]},
        {"role": "assistant", "content": [{"type": "text", "text": "."}]},
    ]
    said = _written(processor, before, (), prompted=False)
    end = processor.tokenizer.eos_token
    cut = said.rindex(end) + len(end) if end in said else len(said)
    whole = _written(processor, [*before, *replies], (), prompted=True)
    return encoded(processor, whole[cut:], replies)


def encoded(processor: Any, text: str, messages: Sequence[ChatMessage]) -> Fields:
    """A piece of a conversation, with the pictures of its messages."""
    pictures = pictures_in(messages)
    given = {"images": pictures} if pictures else {}
    made = processor(text=[text], return_tensors="pt", add_special_tokens=False, **given)
    return dict(made)


def joined(pieces: Sequence[Fields]) -> Fields:
    """Pieces one after another: tokens behind tokens, pictures behind pictures."""
    names = dict.fromkeys(name for piece in pieces for name in piece)
    every = {}
    for name in names:
        each = [
            piece.get(name, torch.zeros_like(piece["input_ids"]))
            if _each_token(name)
            else piece[name]
            for piece in pieces
            if _each_token(name) or name in piece
        ]
        every[name] = torch.cat(each, dim=1 if _each_token(name) else 0)
    return every


def batch_of(conversations: Sequence[Spoken], padding: int) -> Fields:
    """Conversations of different lengths side by side, padded at their ends, with labels."""
    longest = max(len(one.own) for one in conversations)
    names = dict.fromkeys(name for one in conversations for name in one.fields)
    batch = {}
    for name in names:
        each = [one.fields[name] for one in conversations if name in one.fields]
        if _each_token(name):
            fill = padding if name == "input_ids" else 0
            each = [_padded(own, longest, fill) for own in each]
        batch[name] = torch.cat(each)
    labels = [
        one.fields["input_ids"].masked_fill(~one.own[None], NOT_LEARNED) for one in conversations
    ]
    return {**batch, "labels": torch.cat([_padded(own, longest, NOT_LEARNED) for own in labels])}


def _padded(rows: torch.Tensor, longest: int, fill: int) -> torch.Tensor:
    return torch.nn.functional.pad(rows, (0, longest - rows.shape[1]), value=fill)


def _each_token(name: str) -> bool:
    """Whether a field has a value a token: the ids, masks, and token types."""
    return name in ("input_ids", "attention_mask") or name.endswith("token_type_ids")


def _written(
    processor: Any,
    messages: Sequence[ChatMessage],
    tools: Sequence[Mapping[str, Any]],
    *,
    prompted: bool,
) -> str:
    text: str = processor.apply_chat_template(
        list(messages), tools=list(tools) or None, tokenize=False, add_generation_prompt=prompted
    )
    return text
