"""How alike two names of a defect are, where what they mean counts, too.

The graded match of IAD-R1: equal 1.0; one contains the other 0.85; alike in writing 0.4 × ratio;
of one category 0.6 + 0.25 × ratio; of one group 0.3; else 0. The categories are our own.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher

import numpy as np
from scipy.optimize import linear_sum_assignment

from reinspect import metrics

_SAME_CATEGORY, _ALIKE_WITHIN, _SAME_GROUP = 0.6, 0.25, 0.3
_MOST_MORE_WORDS = 2  # a list of all names there are contains the right one, and names nothing
_APART = re.compile(r"\s*(?:[;,/|+&\n]|\bor\b|\band\b)\s*", re.IGNORECASE)

_GROUPS: Mapping[str, Mapping[str, str]] = {
    "surface": {
        "scratch": "scratch scratched scrape scuff abrasion abraded gouge groove scoring rub",
        "stain": "stain stained spot smudge discolouration discoloration colour color fading faded",
        "corrosion": "rust rusty corrosion corroded oxidation oxidised burn burnt scorch",
        "coating": "peeling flaking blister blistered coating paint print printing glue frayed",
    },
    "shape": {
        "crack": "crack cracked fracture fractured fissure split break broken breakage chipped",
        "dent": "dent dented bump bulge deformed bent bend warp warped crushed squeezed",
        "hole": "hole cut tear torn puncture perforation pit pitting pore porosity void blowhole",
    },
    "contamination": {
        "foreign": "foreign contamination contaminated dirt dust hair fibre fiber debris residue",
        "growth": "mould mold fungus rot rotten",
    },
    "assembly": {
        "missing": "missing absent lacking incomplete omitted lost",
        "misplaced": "misplaced shifted misaligned swapped flipped rotated displaced reversed",
        "extra": "extra additional duplicate surplus double",
    },
    "circuit": {
        "bridge": "short bridge bridging spur spurious",
        "open": "open mousebite",
    },
}
_CATEGORY = {
    word: (group, category)
    for group, categories in _GROUPS.items()
    for category, words in categories.items()
    for word in words.split()
}


def names_in(types: Iterable[str]) -> tuple[str, ...]:
    """The distinct names of some types: "dent or hole" and "dent, hole" are two."""
    names = (_plain(name) for kind in types for name in _APART.split(kind))
    return tuple(dict.fromkeys(name for name in names if name))


def name_similarity(predicted: str, true: str) -> float:
    """How alike two names are, [0, 1]; symmetric."""
    one, other = sorted((_plain(predicted), _plain(true)), key=lambda name: (len(name), name))
    if not one:
        return 0.0
    more = abs(len(one.split()) - len(other.split()))
    written = metrics.type_similarity(one, other) if more <= _MOST_MORE_WORDS else 0.0
    return max(written, _by_meaning(one, other))


def names_score(predicted: Sequence[str], true: Sequence[str]) -> float:
    """Names against names, [0, 1]: the best one-to-one match; who has no partner scores 0."""
    guessed, known = names_in(predicted), names_in(true)
    if not guessed or not known:
        return 0.0
    alike = np.array([[name_similarity(g, k) for k in known] for g in guessed])
    rows, columns = linear_sum_assignment(alike, maximize=True)
    return float(alike[rows, columns].sum() / max(alike.shape))


def _by_meaning(one: str, other: str) -> float:
    mine, theirs = _meaning(one), _meaning(other)
    if mine is None or theirs is None or mine[0] != theirs[0]:
        return 0.0
    if mine != theirs:
        return _SAME_GROUP
    ratio = SequenceMatcher(None, one, other, autojunk=False).ratio()
    return _SAME_CATEGORY + _ALIKE_WITHIN * ratio


def _meaning(name: str) -> tuple[str, str] | None:
    """Group and category of a name; none where its words have none, or several."""
    words = name.split()
    if len(words) > 1 + _MOST_MORE_WORDS:
        return None
    found = {_CATEGORY[stem] for word in words if (stem := _stem(word)) in _CATEGORY}
    return found.pop() if len(found) == 1 else None


def _stem(word: str) -> str:
    for ending in ("es", "s"):
        if word not in _CATEGORY and word.endswith(ending) and word[: -len(ending)] in _CATEGORY:
            return word[: -len(ending)]
    return word


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name.casefold()).strip()
