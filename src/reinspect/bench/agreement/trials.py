"""Who has rated what: recipes by runs, each several times, and people by their reviews."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Literal

from reinspect.bench.agreement.study import AgreementError, Appraiser, Rating
from reinspect.dataset import Item, truth_of
from reinspect.runs.limits import Ending
from reinspect.runs.plan import RunPlan
from reinspect.runs.session import RunResult
from reinspect.store import Row, Store
from reinspect.vocabulary import Label

By = Literal["label", "outcome"]


def true_labels(items: Iterable[Item]) -> dict[str, Label]:
    """What the data set says of its parts. A review is no truth here: it is what is studied.

    Raises:
        DataError: annotations are not what they should be.
    """
    known = ((item.id, truth_of(item, [])) for item in items)  # places don't matter
    return {part: truth.label for part, truth in known if truth is not None}


def rate(
    name: str,
    plan: RunPlan,
    repeats: int,
    run: Callable[[RunPlan], RunResult],
    by: By = "label",
) -> Appraiser | None:
    """Let a plan's recipe rate all its parts, so many times; none where it was interrupted.

    Each trial is a run of its own, in a folder beside the plan's, with the recipe's name and a
    number. One that is there is finished, or taken as it is.

    Raises:
        UsageError: a folder is of another recipe, or of other parts.
    """
    trials: dict[str, list[Rating]] = {}
    for trial in range(1, repeats + 1):
        folder = plan.out.with_name(f"{plan.out.name}-{name}-{trial}")
        begun = (folder / "recipe.yaml").is_file()
        finished = run(replace(plan, out=folder, resume=begun))
        if finished.ending is not Ending.DONE:
            return None
        with Store.open(plan.store, create=False) as store:
            for found in store.inspections(finished.run_id):
                trials.setdefault(found.row.image, []).append(_rating(found.row, by))
    return Appraiser(name, "recipe", {part: tuple(own) for part, own in trials.items()})


def reviewers(store: str, items: Mapping[str, str]) -> list[Appraiser]:
    """The people who have reviewed these pictures, in whichever run; each review is a trial.

    Args:
        store: URL or file.
        items: SHA-256 of a picture → part. Of copies one counts.

    Raises:
        StoreError: there is no such store.
        AgreementError: nobody has reviewed any of them.
    """
    said: dict[str, dict[str, list[Rating]]] = {}
    with Store.open(store, create=False) as opened:
        for review in opened.browse.reviewed(tuple(items)):
            own = said.setdefault(review.reviewer, {})
            label = Rating.of_label(Label(review.label))
            own.setdefault(items[review.sha256], []).append(label)
    if not said:
        raise AgreementError(
            f"--reviews: nobody has reviewed these pictures in {opened.name}; name the store of "
            "the reviews with --store, or leave --reviews out"
        )
    return [
        Appraiser(name, "person", {part: tuple(trials) for part, trials in own.items()})
        for name, own in sorted(said.items())
    ]


def _rating(row: Row, by: By) -> Rating:
    if by == "outcome":
        return Rating.of_outcome(row.disposition)
    return Rating.of_label(row.verdict.label if row.verdict else None)
