"""A model behind a server: asked once, read strictly, on record whatever happens."""

import hashlib
import json
import time
from collections.abc import Callable

import numpy as np
import pytest

from reinspect.agents.calls import ModelLimits, Price, RunBudget, recorded
from reinspect.agents.models.answers import UnreadableAnswer
from reinspect.agents.models.client import Model, ModelError
from reinspect.agents.models.detector import ask_for_defects, opinion_of
from reinspect.agents.models.settings import Form, ModelSettings
from reinspect.testing import ReceivedRequest, Reply, ScriptedServer
from reinspect.vocabulary import Call
from support.made_answers import said

pytestmark = pytest.mark.server

AskAt = Callable[..., Model]

PICTURE = np.full((40, 60, 3), 90, np.uint8)
DETECT = {"pictures": "One.", "product": "Bolt.", "candidates": "None."}


def asked(model: Model) -> tuple[Call, Exception | None]:
    """The call on record, and what was raised."""
    calls, failure = every_call(model)
    assert {call.prompt for call in calls[1:]} <= {"repair.json.md"}
    return calls[0], failure


def every_call(model: Model) -> tuple[list[Call], Exception | None]:
    failure = None
    with recorded() as calls:
        try:
            model.ask(ask_for_defects(model.form, "detect", **DETECT), [PICTURE])
        except (ModelError, UnreadableAnswer) as caught:
            failure = caught
    return calls, failure


def test_a_call_has_everything_but_the_picture(ask_at: AskAt) -> None:
    with ScriptedServer(Reply(said("yes"), yes=0.8)) as server:
        call, failure = asked(ask_at(server, Price(input=2, output=10), key_env="KEY"))
    assert failure is None
    assert call.answers == (said("yes"),)
    assert call.probabilities == {
        "token probability": pytest.approx(0.8),
        "stated confidence": pytest.approx(0.9),
    }
    assert (call.tokens_in or 0) > 100
    assert (call.tokens_out or 0) > 10
    assert call.usd == pytest.approx(
        ((call.tokens_in or 0) * 2 + (call.tokens_out or 0) * 10) / 1e6
    )
    assert (call.prompt, call.pictures, len(call.prompt_sha256)) == ("detect.json.md", 1, 64)
    assert "Bolt." in call.text
    assert call.text_sha256 == hashlib.sha256(call.text.encode()).hexdigest()
    assert (call.answered_by, call.finish, call.choices) == ("m", ("stop",), 1)
    assert call.server == server.url.split("/")[2]
    assert call.started is not None
    assert len(call.model_dump_json(exclude={"text"})) < 2200


def test_the_request_is_what_the_server_needs(ask_at: AskAt) -> None:
    with ScriptedServer(said()) as server:
        asked(ask_at(server, key_env="KEY", samples=3, extra={"top_k": 7}))
        (request,) = server.requests
    assert request.headers["Authorization"] == "Bearer s3cr3t"
    body = request.body
    assert (body["model"], body["n"], body["temperature"], body["top_k"]) == ("m", 3, 0.7, 7)
    assert (body["logprobs"], body["top_logprobs"], body["seed"]) == (True, 5, 0)
    schema = body["response_format"]["json_schema"]
    assert (schema["strict"], schema["schema"]["required"][-2]) == (True, "answer")
    (picture,) = request.pictures
    assert picture[:2] == b"\xff\xd8"


def test_what_the_server_gives_of_tokens_is_on_record(ask_at: AskAt) -> None:
    extra = {"return_token_ids": True}
    with ScriptedServer(Reply("<answer>no</answer>", yes=0.1)) as server:
        call, _ = asked(ask_at(server, format="tags", samples=2, extra=extra))
        bare, _ = asked(ask_at(server, format="tags", logprobs=False))
    assert len(call.token_ids) == len(call.logprobs) == len(call.answers) == 2
    assert [len(ids) for ids in call.token_ids] == [len(found) for found in call.logprobs]
    assert min(min(found) for found in call.logprobs) == pytest.approx(-0.1054)  # log 0.9
    assert (bare.token_ids, bare.logprobs) == ((), ())


def test_tags_ask_for_no_schema(ask_at: AskAt) -> None:
    with ScriptedServer(Reply("<think>a</think><answer>no</answer>", yes=0.1)) as server:
        call, failure = asked(ask_at(server, format="tags"))
    assert failure is None
    assert "response_format" not in server.requests[0].body
    assert call.probabilities == {"token probability": pytest.approx(0.1)}


def test_a_server_of_ones_own_gets_no_openai_key() -> None:
    with ScriptedServer(said()) as server:
        settings = ModelSettings(model="m", base_url=server.url)
        asked(Model(settings, environment={"OPENAI_API_KEY": "s3cr3t"}))
    assert "s3cr3t" not in str(server.requests)


def test_samples_that_cannot_be_read_are_counted(ask_at: AskAt) -> None:
    texts = [said("yes"), "what?", said("no")]
    with ScriptedServer(Reply(texts)) as server:
        call, failure = asked(ask_at(server, samples=3))
    assert failure is None
    assert (len(call.answers), call.unread) == (3, 1)
    assert call.probabilities["sample agreement"] == 0.5


def test_each_sample_has_its_own_token_probability(ask_at: AskAt) -> None:
    with ScriptedServer(Reply([said("yes"), "what?"], yes=0.75)) as server:
        model = ask_at(server, samples=2)
        heard = model.ask(ask_for_defects(model.form, "detect", **DETECT), [PICTURE])
    assert heard.tokens == (pytest.approx(0.75),)
    assert opinion_of(heard).probability == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        pytest.param(Reply(status=429), "too many requests", id="429"),
        pytest.param(Reply(status=500), "HTTP 500", id="500"),
        pytest.param(Reply(said(), seconds=3), "no answer in time", id="slow first byte"),
        pytest.param(Reply(drop=True), "no connection, or it broke", id="dropped"),
        pytest.param(Reply(said(), cut=40), "no connection, or it broke|Error", id="half a body"),
        pytest.param(
            Reply(body="<html>Bad gateway</html>", headers={"Content-Type": "text/html"}),
            "Bad gateway", id="HTML with 200",
        ),
        pytest.param(
            Reply(status=502, body="<html>Bad\ngateway</html>"), "HTTP 502", id="HTML with 502"
        ),
        pytest.param(Reply(body='{"choices": []}'), "no answer|Error|unusable", id="no choices"),
        pytest.param(Reply(body="{}"), "choices", id="empty object"),
    ],
)  # fmt: skip
def test_a_server_that_fails_is_said_in_one_line(ask_at: AskAt, reply: Reply, words: str) -> None:
    start = time.monotonic()
    with ScriptedServer(reply) as server:
        call, failure = asked(ask_at(server, timeout=0.5))
    assert time.monotonic() - start < 5
    assert failure is not None
    assert call.error == str(failure)
    with pytest.raises(type(failure), match=words):
        raise failure
    assert "\n" not in str(failure)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        pytest.param(Reply(""), "empty", id="empty"),
        pytest.param(Reply('{"regions": "a"', finish="length"), "cut off at max_tokens", id="cut"),
        pytest.param(Reply('{"regions": "a"'), "no JSON", id="half a JSON"),
        pytest.param(Reply(refusal="I can't."), "refused: I can't", id="refusal"),
        pytest.param(Reply("", finish="content_filter"), "filter", id="filtered"),
        pytest.param(Reply("It looks fine to me."), "no JSON", id="prose"),
    ],
)
def test_an_answer_that_cannot_be_read_is_kept_raw(ask_at: AskAt, reply: Reply, words: str) -> None:
    with ScriptedServer(reply) as server:
        call, failure = asked(ask_at(server))
    with pytest.raises(UnreadableAnswer, match=words):
        raise failure or AssertionError
    assert call.unread == 1
    assert call.answers == ("" if reply.refusal else reply.text,)
    assert words.split("|")[0] in (call.error or "")


@pytest.mark.parametrize("knows", ["json_schema", "json_object", None])
@pytest.mark.parametrize("status", [400, 422])
def test_a_server_is_asked_for_the_structure_that_it_knows(
    ask_at: AskAt, knows: str | None, status: int
) -> None:
    def script(request: ReceivedRequest) -> Reply | str:
        kind = request.body.get("response_format", {}).get("type")
        if kind == knows:
            return f"Here you are:\n```json\n{said('yes')}\n```"
        error = {"error": {"message": f"response_format {kind} is not supported"}}
        return Reply(status=status, body=json.dumps(error))

    with ScriptedServer(script) as server:
        model = ask_at(server)
        for _ in range(2):
            calls, failure = every_call(model)
            assert failure is None
            assert [call.error for call in calls] == [None]
        kinds = [r.body.get("response_format", {}).get("type") for r in server.requests]
    tried = ["json_schema", "json_object", None]
    assert kinds == [*tried[: tried.index(knows) + 1], knows], "and never asked for again"


PROSE = "The rim is dented, so: yes, this part is defective."


def test_an_answer_that_cannot_be_read_is_sent_back_once(ask_at: AskAt) -> None:
    with ScriptedServer([Reply(PROSE), Reply(said("yes"), yes=0.99)]) as server:
        (first, second), failure = every_call(ask_at(server, Price(input=2, output=10)))
        _, request = server.requests
    assert failure is None
    assert (first.unread, first.answers, first.error_type) == (1, (PROSE,), "UnreadableAnswer")
    assert (second.prompt, second.pictures, second.answers) == ("repair.json.md", 0, (said("yes"),))
    assert second.usd
    assert second.probabilities == {"stated confidence": pytest.approx(0.9)}, "no tokens"
    assert PROSE in request.text
    assert "in thousandths of the test image" in request.text
    assert not request.pictures
    assert "logprobs" not in request.body
    schema = request.body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["answer"]["enum"] == ["yes", "no", "unclear"]


def test_a_run_that_has_spent_its_budget_puts_nothing_into_form() -> None:
    with ScriptedServer([Reply(PROSE), Reply(said("yes"))]) as server:
        settings = ModelSettings.model_validate({"model": "m", "base_url": server.url})
        model = Model(settings, budget=RunBudget(ModelLimits(calls=1)))
        made, failure = every_call(model)
        assert len(server.requests) == 1
    assert isinstance(failure, UnreadableAnswer)
    assert [call.error for call in made] == [str(failure)]


@pytest.mark.parametrize(
    ("script", "settings", "calls"),
    [
        pytest.param([Reply(PROSE), said("unclear")], {}, 2, id="nothing was decided"),
        pytest.param([Reply(PROSE), Reply(PROSE)], {}, 2, id="never in form"),
        pytest.param([Reply(PROSE), Reply(status=500)], {}, 2, id="server broken by then"),
        pytest.param([Reply("")], {}, 1, id="nothing to put into form"),
        pytest.param([Reply(refusal="I can't.")], {}, 1, id="refused"),
        pytest.param([Reply(PROSE, finish="content_filter")], {}, 1, id="filtered"),
        pytest.param([Reply(PROSE)], {"format": "tags"}, 1, id="tags"),
        pytest.param([Reply(PROSE)], {"samples": 3}, 1, id="several samples"),
    ],
)
def test_what_cannot_be_put_into_form_is_no_answer(
    ask_at: AskAt, script: list[Reply | str], settings: dict[str, object], calls: int
) -> None:
    with ScriptedServer(script) as server:
        made, failure = every_call(ask_at(server, **settings))
    assert len(made) == calls
    assert isinstance(failure, UnreadableAnswer)
    assert made[0].error == str(failure)


def test_what_the_client_retries_succeeds(ask_at: AskAt) -> None:
    script = [Reply(status=429, headers={"Retry-After": "1"}), Reply(status=500), said()]
    with ScriptedServer(script) as server:
        start = time.monotonic()
        call, failure = asked(ask_at(server, max_retries=2))
    assert failure is None
    assert call.error is None
    assert time.monotonic() - start >= 1
    assert server.count == 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"model": "x"}, "no such model", id="wrong model name"),
        pytest.param({"key_env": "KEY"}, "the key was refused", id="wrong key"),
    ],
)
def test_what_the_server_does_not_know(ask_at: AskAt, settings: dict[str, str], words: str) -> None:
    key = "right" if "key_env" in settings else None
    with ScriptedServer(said(), models=["m"], key=key) as server:
        _, failure = asked(ask_at(server, **settings))
    assert words in str(failure)
    assert "s3cr3t" not in str(failure)


def test_a_server_without_logprobs_is_asked_without_from_then_on(ask_at: AskAt) -> None:
    def picky(request: object) -> Reply | str:
        if request.body.get("logprobs"):  # type: ignore[attr-defined]
            return Reply(status=400, body='{"error": {"message": "logprobs not supported"}}')
        return said("no", confidence=0.8)

    with ScriptedServer(picky) as server:
        model = ask_at(server)
        call, failure = asked(model)
        asked(model)
    assert failure is None
    assert call.probabilities == {"stated confidence": pytest.approx(0.2)}
    assert server.count == 3


def test_passwords_and_keys_are_nowhere(ask_at: AskAt) -> None:
    with ScriptedServer(
        Reply(status=400, body='{"error": {"message": "bad key s3cr3t"}}')
    ) as server:
        url = server.url.replace("://", "://user:hidden@")
        call, failure = asked(ask_at(server, base_url=url, key_env="KEY"))
    text = f"{failure} {call!r}"
    assert "user:***@" in text
    assert "hidden" not in text
    assert "s3cr3t" not in text


def test_a_key_that_is_not_there_is_asked_for() -> None:
    with pytest.raises(ModelError, match="VLLM_KEY is not set"):
        Model(ModelSettings(model="m", key_env="VLLM_KEY"), environment={})
    with pytest.raises(ModelError, match="set OPENAI_API_KEY"):
        Model(ModelSettings(model="m"), environment={})


def test_samples_at_temperature_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="all the same"):
        ModelSettings(model="m", samples=2, temperature=0)
    assert ModelSettings(model="m", format="tags").format is Form.TAGS  # type: ignore[arg-type]
