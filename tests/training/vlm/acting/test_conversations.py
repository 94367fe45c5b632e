"""Conversations to train on: as they were held, held anew, and as tokens."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reinspect.agents.models.acting.talk import requests_of
from reinspect.training.episodes.episode import EpisodeError
from reinspect.training.episodes.trajectories import FILE
from support.hasty_critic import CENTRE, decision, write_acted

if TYPE_CHECKING:
    from reinspect.training.vlm.acting.conversations import Conversations
    from reinspect.training.vlm.acting.rehearsal import Rehearsals

pytestmark = [pytest.mark.server, pytest.mark.needs("trl")]


def call(name: str, arguments: object) -> str:
    written = json.dumps({"name": name, "arguments": arguments})
    return f"<tool_call>\n{written}\n</tool_call>"


ZOOM = call("zoom", {"box": CENTRE})
FOUND, GOOD = (call("revise", decision(stained=stained)) for stained in (True, False))


@pytest.fixture(scope="module")
def episodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_acted(tmp_path_factory.mktemp("acted"), ["flange"])


@pytest.fixture(scope="module")
def conversations(episodes: Path) -> "Conversations":
    from reinspect.training.vlm.acting.conversations import read_conversations

    return read_conversations(episodes)


@pytest.fixture(scope="module")
def rehearsals(conversations: "Conversations") -> "Rehearsals":
    from reinspect.training.vlm.acting.rehearsal import Rehearsals

    rows, card, root, _ = conversations
    return Rehearsals(rows, card.recipes, root=root, max_pixels=4096, price=0.05)


def place_of(
    found: "Conversations", *, truth: bool, initial: bool, looks: int | None = None
) -> int:
    wanted = (truth, initial)
    return next(
        place
        for place, row in enumerate(found.rows)
        if (row.truth, row.initial) == wanted and looks in (None, row.looks)
    )


@pytest.mark.parametrize(
    ("text", "said", "calls"),
    [
        pytest.param("It is bent.", "It is bent.", [], id="words"),
        pytest.param(ZOOM, "", [("zoom", {"box": CENTRE})], id="a-call"),
        pytest.param(
            f"First this.\n{ZOOM}\n{GOOD}",
            "First this.\n",
            [("zoom", {"box": CENTRE}), ("revise", decision(stained=False))],
            id="two-calls",
        ),
        pytest.param(ZOOM.removesuffix("</tool_call>"), "", [("zoom", {"box": CENTRE})], id="cut"),
        pytest.param("<tool_call>{zoom}</tool_call>", None, [], id="no-json"),
        pytest.param('<tool_call>{"name": "zoom"}</tool_call>', None, [], id="no-arguments"),
        pytest.param(call("zoom", "here"), "", [("zoom", None)], id="arguments-are-words"),
        pytest.param(f"{ZOOM}<tool_call>]", None, [], id="one-can't-be-read"),
    ],
)
def test_what_a_model_wrote_is_read_as_by_the_server(
    text: str, said: str | None, calls: list[tuple[str, object]]
) -> None:
    from reinspect.training.vlm.acting.chat import heard_as

    heard = heard_as(text, 1)
    assert heard.text == (text if said is None else said)
    assert [(one.name, one.arguments) for one in requests_of(heard)] == calls


@pytest.mark.parametrize(
    ("truth", "initial", "answers", "worth"),
    [
        pytest.param(True, False, [ZOOM, FOUND], 3.0, id="looks-and-mends"),
        pytest.param(False, False, [ZOOM, GOOD], 1.5, id="looks-and-keeps"),
        pytest.param(False, False, [ZOOM, FOUND], 0.0, id="breaks"),
        pytest.param(True, False, [GOOD, ZOOM, FOUND], 2.0, id="blind-at-first"),
        pytest.param(
            True,
            False,
            [ZOOM, call("zoom", {"box": [0, 0, 500, 500]}), FOUND],
            2.95,
            id="two-looks",
        ),
        pytest.param(True, False, [GOOD, GOOD, GOOD], -0.5, id="blind-to-the-end"),
        pytest.param(False, False, ["Hm.", "Hm.", "Hm."], -1.0, id="words-alone"),
        pytest.param(True, False, [call("drill", {})] * 3, -0.5, id="unknown-tool"),
    ],
)
def test_a_rehearsal_is_worth_what_the_conversation_would_be(
    conversations: "Conversations",
    rehearsals: "Rehearsals",
    truth: bool,
    initial: bool,
    answers: Sequence[str],
    worth: float,
) -> None:
    held = rehearsals.begin(place_of(conversations, truth=truth, initial=initial))
    replies = [held.heard(answer) for answer in answers]
    assert [reply is None for reply in replies] == [*[False] * (len(answers) - 1), True]
    assert held.worth().overall == pytest.approx(worth)
    said = [m for m in held.conversation.messages() if m["role"] == "assistant"]
    called = [bool(message.get("tool_calls")) for message in said]
    assert called == ["tool_call" in answer for answer in answers]


def test_a_rehearsal_shows_and_says_what_the_run_did(
    conversations: "Conversations", rehearsals: "Rehearsals"
) -> None:
    from reinspect.training.vlm.acting.chat import pictures_in
    from reinspect.training.vlm.acting.conversations import messages_of

    place = place_of(conversations, truth=True, initial=False, looks=1)
    row = conversations.rows[place]
    recorded = messages_of(row, conversations.root, 4096)
    held = rehearsals.begin(place)
    told = held.heard(ZOOM)
    assert told is not None
    assert words([*held.opening, *told]) == words([recorded[0], *recorded[2:4]])
    assert [picture.size for picture in pictures_in([*held.opening, *told])] == [
        picture.size for picture in pictures_in(recorded)
    ]
    assert row.images[0] is not None
    assert rehearsals.tools == list(row.tools)


def words(messages: Sequence[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    return [
        (message["role"], [part["text"] for part in message["content"] if "text" in part])
        for message in messages
    ]


def test_no_conversations_are_told_so(episodes: Path, tmp_path: Path) -> None:
    from reinspect.training.vlm.acting.conversations import read_conversations
    from reinspect.training.vlm.dataset import DatasetError

    for file in ("card.json", FILE):
        (tmp_path / file).write_bytes((episodes / file).read_bytes())
    with pytest.raises(DatasetError, match=r"no conversation to train on .* earned less than 9"):
        read_conversations(tmp_path, least=9)
    (tmp_path / FILE).write_text("{}\n")
    with pytest.raises(EpisodeError, match=r"line 1.*make the episodes again"):
        read_conversations(tmp_path)
    (tmp_path / FILE).unlink()
    with pytest.raises(EpisodeError, match="holds no conversations"):
        read_conversations(tmp_path)


@pytest.mark.parametrize(
    ("recipes", "why"),
    [
        pytest.param(None, "the card lacks the recipe", id="lost"),
        pytest.param("{monitor: embedded}", "'embedded' holds conversations of its own", id="kind"),
        pytest.param("{monitor: {kind: agent}}", "model", id="no-model"),
        pytest.param("{monitor: {kind: agent, model: m}, tools: [no:such]}", "tools.0", id="tool"),
    ],
)
def test_recipes_that_can_t_be_rehearsed_are_refused(
    conversations: "Conversations", recipes: str | None, why: str
) -> None:
    from reinspect.training.vlm.acting.rehearsal import Rehearsals
    from reinspect.training.vlm.dataset import DatasetError

    rows, card, root, _ = conversations
    given = {} if recipes is None else dict.fromkeys(card.recipes, recipes)
    with pytest.raises(DatasetError, match=why):
        Rehearsals(rows, given, root=root, max_pixels=4096, price=0.05)
