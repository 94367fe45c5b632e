"""Whatever a file says, it is read as what it is, or refused in one line; nothing else comes out.

`make fuzz` tries as many of each as a night allows; `make test` some.
"""

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from fuzz.strategies import (
    TEXTS,
    TREES,
    documents,
    garbled,
    near,
    recipes,
    yaml_documents,
)
from reinspect.agents.models.answers import read_json
from reinspect.agents.models.tags import read_tags
from reinspect.documents import DocumentError, parse_json, parse_yaml
from reinspect.errors import ReinspectError
from reinspect.graph.recipe import Recipe, dump_recipe, parse_recipe
from reinspect.policies.case import Case, parse_case
from reinspect.policies.fitted import load_monitor
from reinspect.runs.bundle import BundleManifest, unpack
from reinspect.vocabulary import Box, NormalisedBox
from support.made_judgements import judgements
from support.places import REPOSITORY

LONGEST = 4000
"""Characters of an error: five faults, each with its value cut short."""

hard = settings(
    max_examples=int(os.environ.get("REINSPECT_FUZZ", "25")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def refused_or_read(read: Callable[[], Any], *also: type[Exception]) -> Any:
    """What was read; None where it was refused, in one line."""
    try:
        return read()
    except (ReinspectError, *also) as refusal:
        said = str(refusal)
        assert said.strip()
        if isinstance(refusal, ReinspectError):
            assert "\n" not in said
            assert len(said) < LONGEST
        return None


@hard
@given(text=yaml_documents(json.loads(Recipe().model_dump_json())) | recipes().map(yaml.safe_dump))
def test_a_recipe_is_read_or_refused(text: str) -> None:
    found = refused_or_read(lambda: parse_recipe(text))
    if found is not None:  # what was read, written out, is the same again
        written = dump_recipe(found)
        assert dump_recipe(parse_recipe(written)) == written


JUDGEMENT = json.loads(judgements(1)[0].model_dump_json())


@hard
@given(text=documents(JUDGEMENT))
def test_a_judgement_is_read_or_refused(text: str) -> None:
    found = refused_or_read(lambda: parse_case(text), ValueError)
    if found is not None:
        assert Case.model_validate_json(found.model_dump_json()) == found


MONITOR = json.loads((REPOSITORY / "policies" / "monitor.json").read_text(encoding="utf-8"))


@hard
@given(text=documents(MONITOR))
def test_a_monitor_is_read_or_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "monitor.json"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    refused_or_read(lambda: load_monitor(file))


@hard
@given(corners=st.lists(st.floats() | st.integers() | TEXTS, max_size=6))
def test_a_box_is_a_box_or_refused(corners: list[Any]) -> None:
    def made() -> Box:
        return TypeAdapter(NormalisedBox).validate_python(tuple(corners))

    found = refused_or_read(made, ValidationError, ValueError, TypeError)
    if found is not None:
        assert all(0 <= corner <= 1 for corner in found)
        assert found.x1 < found.x2
        assert found.y1 < found.y2


ANSWER = {
    "label": "anomalous",
    "probability": 0.8,
    "defects": [{"type": "scratch", "box": [0.1, 0.2, 0.3, 0.4], "score": 0.9}],
    "rationale": "a line",
}


def in_prose(text: str) -> str:
    return f"<think>{text[:9]}</think>\nSo it is:\n```json\n{text}\n```"


@hard
@given(text=documents(ANSWER) | documents(ANSWER).map(in_prose))
def test_a_model_s_answer_is_read_or_refused(text: str) -> None:
    for read in (read_json, read_tags):
        refused_or_read(lambda read=read: read(text), ValueError)


@pytest.mark.parametrize("parse", [parse_json, parse_yaml])
@hard
@given(text=TREES.map(lambda tree: json.dumps(tree, default=str)).flatmap(garbled) | TEXTS)
def test_a_document_is_parsed_or_refused(parse: Callable[[str], Any], text: str) -> None:
    refused_or_read(lambda: parse(text), DocumentError)


MANIFEST = {
    "format": "reinspect-bundle",
    "version": 1,
    "reinspect": "0.1.0",
    "made": "2026-01-01T00:00:00Z",
    "versions": {"numpy": "2.0"},
    "references": {"": "0" * 64},
    "qualified": False,
    "files": {"recipe.yaml": "0" * 64},
}


@hard
@given(text=documents(MANIFEST), names=st.lists(TEXTS, max_size=2), damage=st.booleans())
def test_a_bundle_is_unpacked_or_refused(
    text: str, names: list[str], damage: bool, tmp_path: Path
) -> None:
    file = tmp_path / "b.rib"
    with zipfile.ZipFile(file, "w") as bundle:
        bundle.writestr("manifest.json", text.encode("utf-8", "surrogatepass"))
        bundle.writestr("recipe.yaml", "")
        for name in {name for name in names if name.isprintable() and name}:
            bundle.writestr(name, "more")
    if damage:
        file.write_bytes(file.read_bytes()[:-7])
    assert refused_or_read(lambda: unpack(str(file), tmp_path / "cache")) is None
    assert not list((tmp_path / "cache").rglob("*.yaml"))
    assert not (tmp_path.parent / "escaped").exists()


@hard
@given(content=near(MANIFEST))
def test_a_manifest_that_is_read_is_one(content: Any) -> None:
    try:
        found = BundleManifest.model_validate(content)
    except ValidationError:
        return
    assert found.format == "reinspect-bundle"
