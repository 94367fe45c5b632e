"""Answers as models write them where nothing holds them to a form: read or refused."""

import json

import pytest

from reinspect.agents.models.answers import UnreadableAnswer, read_json
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
