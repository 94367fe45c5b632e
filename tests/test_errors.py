"""Errors for users: one base, one line, what was likely meant."""

import ast
import os
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import reinspect
from reinspect.errors import ReinspectError, did_you_mean, explain_invalid, shorten
from reinspect.images import UnreadableImage


class Price(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tokens: float = 0
    pictures: float = 0


class Limits(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rounds: int = Field(default=1, ge=0)
    prices: Mapping[str, Price] = {}
    extra: Price | None = None

    @model_validator(mode="after")
    def _sensible(self) -> "Limits":
        if self.rounds > 9:
            raise ValueError(f"{self.rounds} rounds are too many")
        return self


class Plan(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limits: Limits = Limits()
    steps: tuple[Price, ...] = ()
    either: Limits | Price | None = None
    out: str


def explained(content: object, name: str = "") -> str:
    with pytest.raises(ValidationError) as caught:
        Plan.model_validate(content)
    return explain_invalid(caught.value, Plan, name=name)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param({}, "out is missing", id="missing"),
        pytest.param(
            {"out": 1}, "out: Input should be a valid string (value 1)", id="wrong-kind-of-value"
        ),
        pytest.param(
            {"out": "a", "limit": 1},
            "limit: unknown key (value 1); did you mean 'limits'?",
            id="unknown-key",
        ),
        pytest.param(
            {"out": "a", "limits": {"zzz": 1}},
            "limits.zzz: unknown key (value 1); known: rounds, prices, extra",
            id="unknown-key-like-none",
        ),
        pytest.param(
            {"out": "a", "limits": {"extra": {"token": 1}}},
            "limits.extra.token: unknown key (value 1); did you mean 'tokens'?",
            id="unknown-key-in-what-may-be-none",
        ),
        pytest.param(
            {"out": "a", "limits": {"prices": {"gpt": {"picture": 1}}}},
            "limits.prices.gpt.picture: unknown key (value 1); did you mean 'pictures'?",
            id="unknown-key-in-a-mapping",
        ),
        pytest.param(
            {"out": "a", "steps": [{}, {"token": 1}]},
            "steps.1.token: unknown key (value 1); did you mean 'tokens'?",
            id="unknown-key-in-a-list",
        ),
        pytest.param(
            {"out": "a", "limits": {"rounds": 10}},
            "limits: 10 rounds are too many (value {'rounds': 10})",
            id="a-model's-own-words",
        ),
        pytest.param(
            "a recipe", "Input should be a valid dictionary or instance of Plan (value 'a recipe')",
            id="no-mapping",
        ),
        pytest.param(
            {"out": ["x" * 100]},
            f"out: Input should be a valid string (value ['{'x' * 55}…)",
            id="long-value",
        ),
        pytest.param(
            {"out": "a", "\nb": 1, "": 2},
            "'\\nb': unknown key (value 1); known: limits, steps, either, out; "
            "'': unknown key (value 2); known: limits, steps, either, out",
            id="keys-that-are-no-words",
        ),
        pytest.param(
            {"limits": {"rounds": -1}},
            "limits.rounds: Input should be greater than or equal to 0 (value -1); out is missing",
            id="two-faults",
        ),
    ],
)  # fmt: skip
def test_what_a_model_refuses_is_one_line(content: object, said: str) -> None:
    assert explained(content) == said


def test_an_unknown_key_of_one_of_two_models_gets_no_hint() -> None:
    said = explained({"out": "a", "either": {"token": 1}})
    assert "unknown key (value 1)" in said
    assert "mean" not in said


def test_the_whole_may_have_a_name() -> None:
    assert explained({}, "plan") == "plan.out is missing"


def test_of_many_faults_the_first_are_told() -> None:
    said = explained({"out": "a", "steps": [{"x": 1}] * 30})
    assert said.count("unknown key") == 5
    assert said.endswith("; and 25 more")


@pytest.mark.parametrize(
    ("name", "otherwise", "said"),
    [
        pytest.param("margn", "", "did you mean 'margin'?", id="close"),
        pytest.param("zzz", "", "known: margin, side", id="far"),
        pytest.param("zzz", "see the list", "see the list", id="far-with-words"),
    ],
)
def test_the_likely_meaning_of_a_name(name: str, otherwise: str, said: str) -> None:
    assert did_you_mean(name, ["margin", "side"], otherwise=otherwise) == said


def test_nothing_is_known() -> None:
    assert did_you_mean("a", []) == "known: none"


def test_a_short_value_is_whole() -> None:
    assert shorten("x" * 58) == repr("x" * 58)
    assert len(shorten("x" * 59)) == 58


def _bases_of_classes() -> Iterator[tuple[str, list[str]]]:
    for folder, _, files in os.walk(Path(reinspect.__file__).parent, followlinks=True):
        for file in (Path(folder, name) for name in files if name.endswith(".py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    yield node.name, [ast.unparse(base) for base in node.bases]


def test_every_error_of_the_package_is_one_for_users_and_one_of_python() -> None:
    plain = {"ValueError", "RuntimeError", "OSError", "FileNotFoundError"}
    errors = {name: bases for name, bases in _bases_of_classes() if plain & {*bases}}
    assert len(errors) > 20
    for name, bases in errors.items():
        assert bases[0] == "ReinspectError", name


def test_an_error_crosses_processes() -> None:
    sent = UnreadableImage("a.png", "no picture", "take it anew")
    back = pickle.loads(pickle.dumps(sent))
    assert isinstance(back, ReinspectError)
    assert str(back) == str(sent)
