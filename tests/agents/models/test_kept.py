"""Equal calls are answered from disk, where the recipe says so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reinspect.agents.calls import Price, recorded
from reinspect.agents.models.answers import UnreadableAnswer
from reinspect.agents.models.client import Heard, Model, ModelError
from reinspect.agents.models.detector import ask_for_defects, opinion_of
from reinspect.agents.models.prompts import Prompt
from reinspect.agents.models.settings import ModelSettings
from reinspect.agents.models.wire import message_of
from reinspect.testing import Reply, ScriptedServer
from reinspect.vocabulary import Call
from support.made_answers import said

pytestmark = pytest.mark.server

AskAt = Callable[..., Model]
PICTURE = np.full((40, 60, 3), 90, np.uint8)
WORDS = {"pictures": "One.", "product": "Bolt.", "candidates": "None."}
PRICE = Price(input=10, output=10)


def ask(model: Model, picture: np.ndarray = PICTURE, **words: str) -> tuple[Heard[Any], Call]:
    with recorded() as calls:
        heard = model.ask(ask_for_defects(model.form, "detect", **{**WORDS, **words}), [picture])
    return heard, calls[-1]


def test_an_equal_call_is_answered_from_disk(ask_at: AskAt, tmp_path: Path) -> None:
    with ScriptedServer(Reply(said("yes"), yes=0.8)) as server:
        first, paid = ask(ask_at(server, PRICE, cache=tmp_path))
        again, free = ask(ask_at(server, PRICE, cache=tmp_path))  # as in another process
        assert server.count == 1
    assert again == first
    assert opinion_of(again).probability == pytest.approx(0.8)
    assert (paid.cached, free.cached) == (False, True)
    assert paid.usd is not None
    assert paid.usd > 0
    assert (free.usd, free.tokens_in, free.tokens_out) == (0, 0, 0)
    assert free.answers == paid.answers


@pytest.mark.parametrize(
    ("settings", "picture", "words"),
    [
        pytest.param({}, PICTURE + 1, {}, id="picture"),
        pytest.param({}, PICTURE, {"product": "Nut."}, id="words"),
        pytest.param({"model": "other"}, PICTURE, {}, id="model"),
        pytest.param({"temperature": 0.3}, PICTURE, {}, id="temperature"),
        pytest.param({"max_pixels": 900}, PICTURE, {}, id="size"),
        pytest.param({"samples": 2}, PICTURE, {}, id="samples"),
        pytest.param({"extra": {"top_k": 3}}, PICTURE, {}, id="extra"),
    ],
)
def test_another_call_is_asked(
    ask_at: AskAt, tmp_path: Path, settings: dict, picture: np.ndarray, words: dict
) -> None:
    with ScriptedServer(Reply(said("yes"), yes=0.8)) as server:
        ask(ask_at(server, cache=tmp_path))
        _, call = ask(ask_at(server, cache=tmp_path, **settings), picture, **words)
        assert server.count == 2
    assert not call.cached


def test_how_long_to_wait_makes_no_other_call(ask_at: AskAt, tmp_path: Path) -> None:
    with ScriptedServer(Reply(said("yes"))) as server:
        ask(ask_at(server, cache=tmp_path))
        assert ask(ask_at(server, cache=tmp_path, timeout=9, max_retries=3))[1].cached


def test_without_a_word_in_the_recipe_nothing_is_kept(ask_at: AskAt) -> None:
    with ScriptedServer(Reply(said("yes"))) as server:
        model = ask_at(server)
        ask(model)
        assert not ask(model)[1].cached
        assert server.count == 2


def test_what_cannot_be_read_is_asked_anew(ask_at: AskAt, tmp_path: Path) -> None:
    with ScriptedServer(["what?", "what?", said("no")]) as server:
        model = ask_at(server, cache=tmp_path)
        with pytest.raises(UnreadableAnswer):
            ask(model)
        assert not ask(model)[1].cached
        assert ask(model)[1].cached


def test_a_damaged_file_is_asked_anew(ask_at: AskAt, tmp_path: Path) -> None:
    with ScriptedServer(Reply(said("yes"))) as server:
        model = ask_at(server, cache=tmp_path)
        ask(model)
        (file,) = tmp_path.rglob("*.json")
        file.write_text(file.read_text()[:40])
        assert not ask(model)[1].cached
        assert ask(model)[1].cached


def test_a_turn_of_a_conversation_is_kept_too(ask_at: AskAt, tmp_path: Path) -> None:
    tool = {
        "type": "function",
        "function": {"name": "zoom", "description": "d", "parameters": {"type": "object"}},
    }
    asked = Prompt("act.json.md", "0" * 64, "look")
    with ScriptedServer(Reply(tools=[("zoom", {"box": [1, 2, 3, 4]})])) as server:
        model = ask_at(server, cache=tmp_path)
        messages = [message_of("look", [PICTURE], model.settings, ())]
        first = model.turn(asked, "look", messages, [tool])
        again = model.turn(asked, "look", messages, [tool])
        assert server.count == 1
        model.turn(asked, "look", [*messages, again], [tool])
        assert server.count == 2
    assert [c["args"] for c in again.tool_calls] == [c["args"] for c in first.tool_calls]


def test_a_cache_needs_a_folder() -> None:
    settings = ModelSettings(model="m", base_url="http://localhost:1/v1", cache=True)
    with pytest.raises(ModelError, match="cache: there is no folder for it"):
        Model(settings)
