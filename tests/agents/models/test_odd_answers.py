"""Answers as models write them where nothing holds them to a form: read or refused."""

import json
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import yaml

from reinspect.agents.models.answers import UnreadableAnswer, read_json
from reinspect.cost import calls_of
from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.inspection import build
from reinspect.graph.recipe import parse_recipe
from reinspect.testing import ReceivedRequest, Reply, ScriptedServer
from reinspect.vocabulary import Label, Outcome
from support.made_answers import said

NO, YES = said("no"), said("yes")
PRETTY = json.dumps(json.loads(YES), indent=2)

READ = [
    pytest.param(NO, False, id="bare"),
    pytest.param(f"\n\n{YES}\n", True, id="blank lines around"),
    pytest.param(f"```json\n{NO}\n```", False, id="fence"),
    pytest.param(f"```\n{PRETTY}\n```", True, id="fence without a name"),
    pytest.param(f"Here is my answer:\n```json\n{YES}\n```\nLet me know!", True, id="in prose"),
    pytest.param(f"```json\n{NO}", False, id="fence that never ends"),
    pytest.param(f"~~~json\n{NO}\n~~~", False, id="another fence"),
    pytest.param(f"Sure! {YES}", True, id="prose before"),
    pytest.param(f"{NO} I hope this helps.", False, id="prose behind"),
    pytest.param(f"The part {{a bolt}} is fine. {NO}", False, id="braces in the prose"),
    pytest.param(f"Regions: {{1, 2}} and {{3}}\n{YES}\n{{end}}", True, id="more braces"),
    pytest.param(f"<think>It may be a scratch.</think>{NO}", False, id="thought"),
    pytest.param(f"It may be a scratch.</think>\n\n{YES}", True, id="thought, half"),
    pytest.param(f"<think>{YES} no, wait.</think>{NO}", False, id="thought otherwise"),
    pytest.param(f"<think>x</think>```json\n{YES}\n```", True, id="thought, and a fence"),
    pytest.param(f"<Thinking>x</Thinking>{NO}", False, id="thinking"),
    pytest.param(f"<reasoning>x</reasoning> {NO}", False, id="reasoning"),
    pytest.param(f'{{"region": "rim"}}\n{YES}', True, id="another object before"),
    pytest.param(f'{YES}\n{{"note": "end"}}', True, id="another object behind"),
    pytest.param(f"{NO}\n\n{NO}", False, id="twice the same"),
    pytest.param(f"{said('no', confidence=0.7)}\nAgain: {NO}", False, id="twice, surer"),
    pytest.param(PRETTY, True, id="indented"),
    pytest.param(said("no", regions="a } brace {"), False, id="braces in a string"),
    pytest.param(f"So: {said('yes', regions='a } brace')}", True, id="brace, prose"),
    pytest.param(f'So: {said("no", regions=chr(34) + "quoted" + chr(34))}', False, id="quotes"),
    pytest.param(NO.replace('"r"', '"a\tb\nc"'), False, id="raw tab and line end"),
    pytest.param("So: " + NO.replace('"r"', '"a\nb"'),
                 False, id="raw line end, in prose"),
    pytest.param(YES.replace('"yes"', '"Yes"'), True, id="capital"),
    pytest.param(said("NO."), False, id="capitals and a stop"),
    pytest.param(f"答案：{YES}", True, id="Chinese prose"),
    pytest.param(f"Voici ma réponse : {NO} Merci.", False, id="French prose"),
    pytest.param(f"Ответ:\n{said('no', regions='ничего')}", False, id="Russian prose and reasons"),
    pytest.param(f"\ufeff{NO}", False, id="byte order mark"),
]  # fmt: skip

REFUSED = [
    pytest.param("", "empty", id="nothing"),
    pytest.param("  \n", "empty", id="blanks"),
    pytest.param("The part is fine.", "no JSON", id="prose alone"),
    pytest.param("I'm sorry, but I can't help with that.", "no JSON", id="refusal"),
    pytest.param(YES[:-20], "no JSON", id="cut"),
    pytest.param(f"So: {NO[:30]}", "no JSON", id="cut in prose"),
    pytest.param(f"<think>{YES}", "while it was thinking", id="cut while thinking"),
    pytest.param(f"<think>the {{bolt}} is bent, {YES}", "while it was thinking", id="thinks of it"),
    pytest.param(f"{YES}\nNo, rather: {NO}", "differ in `answer`", id="two that differ"),
    pytest.param(f"{NO} But: {YES[:-15]}", "no JSON", id="cut correction"),
    pytest.param('{"draft": ' + YES + ', "answer": "no"', "no JSON", id="a draft, cut"),
    pytest.param('{"answer": "yes" or "no"} ' + NO, "no JSON", id="form, answer"),
    pytest.param(said("maybe"), "neither 'yes' nor 'no'", id="maybe"),
    pytest.param(said("是"), "neither 'yes' nor 'no'", id="another language"),
    pytest.param('{"answer": null}', "neither 'yes' nor 'no'", id="null"),
    pytest.param('{"verdict": "yes"}', "neither 'yes' nor 'no'", id="another key"),
    pytest.param('So: {"verdict": "yes"}', "no JSON", id="another key, in prose"),
    pytest.param(NO.replace('"', "'"), "no JSON", id="single quotes"),
    pytest.param(f"[{NO}]", "a JSON list", id="a list"),
    pytest.param("{" * 5000, "no JSON", id="braces without end"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "anomalous"), READ)
def test_an_answer_is_read_whatever_stands_around_it(text: str, anomalous: bool) -> None:
    answer = read_json(text)
    assert answer.anomalous is anomalous
    assert len(answer.defects) == anomalous


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_what_does_not_decide_is_refused(text: str, why: str) -> None:
    with pytest.raises(UnreadableAnswer, match=why) as refused:
        read_json(text)
    assert "\n" not in str(refused.value)


class Odd(NamedTuple):
    """An answer as a model gave it, what it meant, and how the model puts it into form if asked."""

    answer: Reply | str
    meant: str | None
    """None: it decided nothing."""
    in_form: str = "unclear"


FORTY = {
    "bare": Odd(NO, "no"),
    "pretty": Odd(PRETTY, "yes"),
    "prose before": Odd(f"Let me look. The rim is clean.\n{NO}", "no"),
    "prose behind": Odd(f"{YES}\nThe scratch is deep, so I am sure.", "yes"),
    "prose on both sides": Odd(f"Sure! {NO} Anything else?", "no"),
    "braces in prose": Odd(f"The set {{a, b}} of marks is tolerated. {NO}", "no"),
    "another object first": Odd(f'{{"plan": "look at the rim"}} {YES}', "yes"),
    "twice the same": Odd(f"{YES}\nTo sum up: {YES}", "yes"),
    "prose alone, yes": Odd("There is a deep scratch at the rim, so yes.", "yes", "yes"),
    "prose alone, no": Odd("I see no defect whatsoever.", "no", "no"),
    "a list": Odd("- regions: rim\n- answer: no", "no", "no"),
    "a table": Odd("| answer | confidence |\n|---|---|\n| yes | 0.9 |", "yes", "yes"),
    "yaml": Odd("answer: yes\nconfidence: 0.9", "yes", "yes"),
    "single quotes": Odd(NO.replace('"', "'"), "no", "no"),
    "a bare word": Odd("Yes.", "yes", "yes"),
    "fence": Odd(f"```json\n{NO}\n```", "no"),
    "fence without a name": Odd(f"```\n{YES}\n```", "yes"),
    "another fence": Odd(f"~~~\n{NO}\n~~~", "no"),
    "fence in prose": Odd(f"My verdict:\n```json\n{PRETTY}\n```\nDone.", "yes"),
    "fence without end": Odd(f"```json\n{NO}", "no"),
    "think": Odd(f"<think>A scratch? No, a reflection.</think>{NO}", "no"),
    "think, half": Odd(f"A reflection.</think>\n{NO}", "no"),
    "think otherwise": Odd(f"<think>{NO} But wait.</think>\n\n{YES}", "yes"),
    "think and fence": Odd(f"<think>x</think>\n```json\n{NO}\n```", "no"),
    "thinking": Odd(f"<thinking>x</thinking>{YES}", "yes"),
    "reasoning": Odd(f"<reasoning>x</reasoning>{NO}", "no"),
    "cut in the thought": Odd(Reply(f"<think>{YES} but", finish="length"), None),
    "cut before the answer": Odd(Reply(NO[:30], finish="length"), None),
    "cut behind the answer": Odd(Reply(YES[:-9], finish="length"), "yes", "yes"),
    "cut in a correction": Odd(f"{NO} Wait, rather {YES[:-15]}", None),
    "Chinese": Odd(f"检查结果如下：\n{YES}", "yes"),
    "Chinese alone": Odd("划痕明显，答案：是。", "yes", "yes"),
    "French": Odd(f"Voici : {NO} Bonne journée.", "no"),
    "German alone": Odd("Kein Fehler zu sehen.", "no", "no"),
    "Russian reasons": Odd(said("no", regions="ничего"), "no"),
    "Japanese key": Odd('{"答え": "はい"}', "yes", "yes"),
    "refusal": Odd(Reply(refusal="I can't help with that."), None),
    "refusal in words": Odd("I'm sorry, I can't judge this picture.", None),
    "filtered": Odd(Reply("The part", finish="content_filter"), None),
    "two that differ": Odd(f"{YES}\nNo, rather:\n{NO}", None),
}


@pytest.mark.server
def test_of_forty_odd_answers_most_are_read_and_none_is_guessed(tmp_path: Path) -> None:
    """What is read is what was meant, at once or put into form; all else is for REVIEW."""
    assert len(FORTY) == 40
    part = tmp_path / "part.png"
    cv2.imwrite(str(part), np.full((40, 60, 3), 90, np.uint8))
    turn: list[Odd] = []

    def script(asked: ReceivedRequest) -> Reply | str:
        (odd,) = turn
        return said(odd.in_form) if "could not be read" in asked.text else odd.answer

    read, for_review = list[str](), list[str]()
    with ScriptedServer(script) as server:
        model = {"kind": "vlm", "model": "m", "base_url": server.url, "max_retries": 0}
        content = {"detector": model, "tools": [], "policies": {"trigger": "never"}}
        pipeline = build_pipeline(BuildContext(recipe=parse_recipe(yaml.safe_dump(content))))
        graph = build(pipeline)
        for name, odd in FORTY.items():
            turn[:] = [odd]
            trace = graph.invoke({"image": str(part)})["trace"]
            assert len(tuple(calls_of(trace.steps))) <= 2, name
            if trace.first is None:
                assert odd.meant is None, f"{name}: {trace.error}"
                assert trace.disposition.outcome is Outcome.REVIEW
                assert trace.error.startswith("detect: UnreadableAnswer: ")
                for_review.append(name)
            else:
                assert odd.meant is not None, f"{name} was guessed"
                assert trace.first.label is Label.of(odd.meant == "yes"), name
                read.append(name)
    assert (len(read), len(for_review)) == (33, 7)
