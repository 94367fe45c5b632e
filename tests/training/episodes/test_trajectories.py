"""Conversations of critics that act, as multi-turn episodes: what they hold, what they earn."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from reinspect.agents.models.acting.decision import read_revision, write_revision
from reinspect.store import Store
from reinspect.testing import ReceivedRequest, Reply, ScriptedServer
from reinspect.trace import Step
from reinspect.training.episodes.build import EpisodeOptions, make_episodes
from reinspect.training.episodes.captioning import Captions
from reinspect.training.episodes.trajectories import FILE, Conversation, worth_of
from reinspect.vocabulary import Box, Call, Label, ToolUse, Truth, Verdict
from support.command_line import invoke
from support.made_answers import said

BOX = [400, 400, 600, 600]
HASH = "0" * 64
TRUTH = Truth(label=Label.ANOMALOUS, types=("spot",), boxes=(Box(0.4, 0.4, 0.6, 0.6),))
GOOD = Truth(label=Label.NORMAL)
FIRST = Verdict.of(0.3)


def decision(answer: str, move: str, kind: str = "spot") -> str:
    content = {
        "process": "compared",
        "answer": {"move": move, "value": answer},
        "type": {"move": "correct", "value": kind},
        "location": {"move": "correct", "value": [BOX]},
        "confidence": 0.9,
    }
    return json.dumps(content)


def turn(*uses: ToolUse, said: str = "") -> tuple[Step, ...]:
    call = Call(model="m", prompt="act.json.md", prompt_sha256=HASH, text="asked", answers=(said,))
    steps = [Step(node="examine", round=1, products=(call,))]
    steps += [Step(node="examine", round=1, tool=use.name, products=(use,)) for use in uses]
    return tuple(steps)


def look(number: int = 1, **rest: object) -> ToolUse:
    known = {"id": f"c{number}", "name": "zoom", "arguments": "{}", "answer": f"seen {number}"}
    return ToolUse.model_validate({**known, **rest})


def end(arguments: str, **rest: object) -> ToolUse:
    known = {"id": "e", "name": "revise", "arguments": arguments}
    return ToolUse.model_validate({**known, **rest})


FOUND = decision("yes", "correct")


@pytest.mark.parametrize(
    ("steps", "truth", "parts", "price", "overall"),
    [
        pytest.param(
            [*turn(look()), *turn(end(FOUND))], TRUTH, (1, 2, 1), 0, 4.0, id="looks-and-mends"
        ),
        pytest.param(
            [*turn(look(1), look(2)), *turn(look(3)), *turn(end(FOUND))],
            TRUTH, (1, 2, 1), 0.1, 3.9, id="two-looks-more",
        ),
        pytest.param(
            [*turn(look()), *turn(end(FOUND))], GOOD, (1, 0, -1), 0, 0.0, id="breaks-a-right-one"
        ),
        pytest.param(
            [*turn(look()), *turn(end(decision("no", "keep")))],
            GOOD, (1, 1, -0.5), 0, 1.5, id="keeps-a-right-one",
        ),
        pytest.param(
            [*turn(look()), *turn(end(decision("yes", "correct", "crack")))],
            TRUTH, (1, 1.5, 1), 0, 3.5, id="another-type",
        ),
        pytest.param(
            [*turn(look(refused=True)), *turn(look()), *turn(end(FOUND))],
            TRUTH, (0, 2, 1), 0, 3.0, id="was-refused",
        ),
        pytest.param([*turn(end(FOUND))], TRUTH, (0, 2, 1), 0, 3.0, id="did-not-look"),
        pytest.param(
            [*turn(look()), *turn(end(FOUND, id=""))], TRUTH, (0, 2, 1), 0, 3.0, id="in-words"
        ),
        pytest.param([*turn(look())], TRUTH, (0, 0, -0.5), 0, -0.5, id="never-ended"),
    ],
)  # fmt: skip
def test_what_a_conversation_is_worth(
    steps: list[Step], truth: Truth, parts: tuple[float, ...], price: float, overall: float
) -> None:
    talk = Conversation.of(steps)
    assert talk is not None
    decided = read_revision(talk.end.arguments, FIRST) if talk.end else None
    found = worth_of(talk, decided, FIRST.label, truth)
    assert (found.consistency, found.accuracy, found.reflection) == pytest.approx(parts)
    assert (found.price, found.overall) == pytest.approx((price, overall))


def test_of_several_second_looks_the_newest_counts() -> None:
    before = [step.model_copy(update={"round": 1}) for step in turn(look(1))]
    newest = [step.model_copy(update={"round": 2}) for step in turn(look(2))]
    talk = Conversation.of([*before, *newest])
    assert talk is not None
    assert [use.answer for use in talk.uses] == ["seen 2"]
    assert Conversation.of([Step(node="examine", tool="zoom")]) is None


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR))


def test_a_decision_is_written_as_it_is_read() -> None:
    decided = read_revision(FOUND, FIRST)
    assert read_revision(write_revision(decided), FIRST) == decided


@pytest.mark.server
@pytest.mark.needs("pyarrow")
@pytest.mark.parametrize("encoding", ["jpeg", "png"])
def test_episodes_of_a_run_have_its_conversations(encoding: str, tmp_path: Path) -> None:
    """From the command line: parts are inspected, and learned from."""
    root = tmp_path / "parts" / "plate"
    for place, spots in (("train/good", 0), ("test/good", 0), ("test/spot", 1)):
        (root / place).mkdir(parents=True)
        for number in range(2):
            image = np.full((200, 200, 3), 90 + number + 3 * len(place), np.uint8)
            if spots:
                cv2.circle(image, (100, 100), 20, (0, 0, 250), -1)
            cv2.imwrite(str(root / place / f"{number}.png"), image)
    talks: list[ReceivedRequest] = []

    def script(asked: ReceivedRequest) -> Reply | str:
        if "tools" not in asked.body:
            return Reply(said("no"), yes=0.4)
        talks.append(asked)
        turns = [message for message in asked.body["messages"] if message["role"] == "assistant"]
        if not turns:
            return Reply("let me see", tools=[("zoom", {"box": BOX})])
        return Reply(tools=[("revise", json.loads(decision("yes", "correct")))])

    with ScriptedServer(script) as server:
        model = {"model": "m", "base_url": server.url, "max_retries": 0, "timeout": 10}
        model["encoding"] = encoding
        recipe = tmp_path / "acting.yaml"
        recipe.write_text(
            yaml.safe_dump(
                {
                    "detector": {"kind": "vlm", **model},
                    "monitor": {"kind": "agent", **model},
                    "tools": ["zoom"],
                    "policies": {"trigger": "always"},
                }
            )
        )
        done = invoke("run", root, "--recipe", recipe, "--out", tmp_path / "acted")
    assert done.code == 0, done.err
    assert talks
    with Store.open(tmp_path / "reinspect.db", create=False) as store:
        options = EpisodeOptions(unreviewed=True, validation=0)
        card = make_episodes(store, ["acted"], tmp_path / "ft", options, Captions(store))
    assert card.trajectories == 4
    rows = [json.loads(line) for line in (tmp_path / "ft" / FILE).read_text().splitlines()]
    spot = next(row for row in rows if row["truth"])
    assert [message["role"] for message in spot["messages"]] == [
        "user",
        "assistant",
        "tool",
        "user",
        "assistant",
    ]
    opening, asks, answer, shown, ends = spot["messages"]
    assert asks["content"] == [{"type": "text", "text": "let me see"}]
    assert asks["tool_calls"][0]["function"] == {"name": "zoom", "arguments": {"box": BOX}}
    assert answer["tool_call_id"] == asks["tool_calls"][0]["id"]
    assert "contrast" in answer["content"][0]["text"]
    assert ends["tool_calls"][0]["function"]["name"] == "revise"
    places = sum(part["type"] == "image" for m in spot["messages"] for part in m["content"])
    assert places == len(spot["images"]) == 3  # the part, a good one, the place
    assert [part["text"] for part in shown["content"][::2]] == [
        "Picture 3 is region [260, 260, 740, 740] of the test image, at full resolution.",
    ]
    files = [Path(card.root, image) for image in spot["images"]]
    assert {file.suffix for file in files[:2]} == {".png" if encoding == "png" else ".jpg"}
    if encoding == "png":
        sent = [pixels(asked.pictures[0]) for asked in talks]
        assert any(np.array_equal(pixels(files[0].read_bytes()), one) for one in sent)
    assert "spot" not in json.dumps(opening)  # nothing tells of the truth
    assert (spot["looks"], spot["ended"], spot["initial"], spot["final"]) == (1, True, False, True)
    assert spot["rewards"]["reflection"] == 1
    offered = {tool["function"]["name"]: tool["function"] for tool in spot["tools"]}
    assert list(offered) == ["zoom", "revise"]
    assert offered["zoom"]["parameters"]["required"] == ["box"]
