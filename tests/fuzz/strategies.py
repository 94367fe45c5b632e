"""Documents as people, programs and bad disks write them: nearly right ones, and anything."""

import json
import string
from collections.abc import Mapping
from typing import Any

import yaml
from hypothesis import strategies as st

from reinspect.graph.components import TABLE
from reinspect.graph.recipe import Recipe

ODD_TEXTS = st.sampled_from(
    [
        "",
        " ",
        "\x00",
        "\x1b[2J",
        "ü\ud800",
        "=1+1",
        "../..",
        "~" * 400,
        "NaN",
        "1e999",
        "0x10",
        "{}",
    ]
)
TEXTS = st.text(max_size=20) | ODD_TEXTS
NUMBERS = st.integers(-10, 10**30) | st.floats() | st.booleans()
LEAVES: st.SearchStrategy[Any] = st.none() | NUMBERS | TEXTS
TREES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
NAMES = st.text(string.ascii_lowercase + "_", min_size=1, max_size=12)


@st.composite
def near(draw: st.DrawFn, right: Any) -> Any:
    """A right value with one place of it made wrong, or left out, or something put beside it."""
    if isinstance(right, Mapping) and right and draw(st.integers(0, 9)):
        changed = dict(right)
        key = draw(st.sampled_from(sorted(changed)))
        how = draw(st.sampled_from(["inner", "inner", "inner", "gone", "more", "renamed"]))
        if how == "inner":
            changed[key] = draw(near(changed[key]))
        elif how == "gone":
            del changed[key]
        elif how == "more":
            changed[draw(TEXTS)] = draw(TREES)
        else:
            changed[draw(TEXTS)] = changed.pop(key)
        return changed
    if isinstance(right, list | tuple) and right and draw(st.booleans()):
        place = draw(st.integers(0, len(right) - 1))
        return [*right[:place], draw(near(right[place])), *right[place + 1 :]]
    return draw(TREES)


@st.composite
def garbled(draw: st.DrawFn, text: str) -> str:
    """A text with a piece cut out, doubled or overwritten."""
    start = draw(st.integers(0, max(0, len(text) - 1)))
    end = min(len(text), start + draw(st.integers(0, 40)))
    piece = draw(st.sampled_from(["", text[start:end] * 2]) | TEXTS)
    return text[:start] + piece + text[end:]


def documents(right: Any) -> st.SearchStrategy[str]:
    """JSON of what is nearly right, and text that once was right."""
    whole = json.dumps(right)
    return near(right).map(lambda made: json.dumps(made, default=str)) | garbled(whole)


def yaml_documents(right: Any) -> st.SearchStrategy[str]:
    """The same as YAML."""
    whole = yaml.safe_dump(right, allow_unicode=True)
    return near(right).map(_as_yaml) | garbled(whole) | documents(right)


def _as_yaml(made: Any) -> str:
    return yaml.safe_dump(made, allow_unicode=True)


KINDS = {role: sorted(known) for role, known in TABLE.items()}
RECIPE = json.loads(Recipe().model_dump_json())


@st.composite
def recipes(draw: st.DrawFn) -> dict[str, Any]:
    """Keys of recipes, components of every role, options of any name."""

    def component(role: str) -> Any:
        kind = draw(st.sampled_from(KINDS[role]) | TEXTS)
        if draw(st.booleans()):
            return kind
        return {"kind": kind, **draw(st.dictionaries(NAMES, TREES, max_size=2))}

    made: dict[str, Any] = {}
    if draw(st.booleans()):
        made["detector"] = component("detector")
    if draw(st.booleans()):
        made["monitor"] = component("monitor")
    if draw(st.booleans()):
        made["tools"] = [component("tools") for _ in range(draw(st.integers(0, 3)))]
    if draw(st.booleans()):
        key = draw(st.sampled_from(sorted(RECIPE)))
        made[key] = draw(near(RECIPE[key]))
    return made
