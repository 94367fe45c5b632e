import numpy as np
import pytest

from reinspect.training.splits import Split, digest, folds, halves, ordered, units
from support.made_judgements import judgement, judgements


def test_every_item_is_in_one_fold_and_classes_are_spread() -> None:
    made = judgements(103)
    truth = np.array([j.truth for j in made])
    kept = folds(made, Split.RANDOM, seed=3)
    assert sorted(np.concatenate(kept).tolist()) == list(range(103))
    anomalous = [int(truth[fold].sum()) for fold in kept]
    assert max(anomalous) - min(anomalous) <= 1
    assert max(map(len, kept)) - min(map(len, kept)) <= 1


@pytest.mark.parametrize("split", Split)
def test_the_same_picture_is_never_on_both_sides(split: Split) -> None:
    made = judgements(60, groups=[f"g{i}" for i in range(12)])
    twins = [j.model_copy(update={"sha256": f"{i // 2:064x}"}) for i, j in enumerate(made)]
    for fold in folds(twins, split, seed=0):
        inside = {twins[i].sha256 for i in fold}
        outside = {j.sha256 for i, j in enumerate(twins) if i not in set(fold.tolist())}
        assert not inside & outside


def test_a_group_split_leaves_each_group_out_with_all_that_shares_its_pictures() -> None:
    made = judgements(40, groups=("a", "b", "c", "d"))
    assert len(folds(made, Split.GROUP, seed=0)) == 4
    shared = [
        j.model_copy(update={"sha256": "f" * 64}) if i in (0, 1) else j for i, j in enumerate(made)
    ]  # one picture in groups a and b
    kept = folds(shared, Split.GROUP, seed=0)
    assert sorted(sorted({str(shared[i].group) for i in fold}) for fold in kept) == [
        ["a", "b"],
        ["c"],
        ["d"],
    ]


def test_many_groups_are_dealt_into_ten_folds() -> None:
    made = judgements(90, groups=[f"lot {i}" for i in range(30)])
    kept = folds(made, Split.GROUP, seed=0)
    assert len(kept) == 10
    for fold in kept:
        inside = {made[i].group for i in fold}
        assert sum(j.group in inside for j in made) == len(fold)


def test_items_without_a_group_stand_alone() -> None:
    made = [judgement("a", 0.1), judgement("b", 0.1)]
    assert units(made, Split.GROUP).tolist() == [0, 1]


def test_halves_are_by_group_only_where_there_are_many() -> None:
    few = judgements(80)
    ours, theirs, split = halves(few, seed=0)
    assert split is Split.RANDOM
    assert (len(ours), len(theirs)) == (40, 40)
    many = judgements(80, groups=[f"lot {i}" for i in range(20)])
    ours, theirs, split = halves(many, seed=0)
    assert split is Split.GROUP
    assert not {many[i].group for i in ours} & {many[i].group for i in theirs}


def test_a_part_has_the_same_name_in_every_file() -> None:
    one = judgement("a", 0.1, group="g")
    other = judgement("a", 0.9, truth=True, group="g")
    assert digest(one) == digest(other)
    assert digest(one) != digest(judgement("a", 0.1, group="h"))
    assert [j.id for j in ordered([judgement("b", 0.1), one])] == ["a", "b"]
