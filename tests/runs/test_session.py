"""`reinspect.run`: what sinks see, what a result says, what is refused and when."""

import contextlib
import json
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reinspect import Recipe, ReinspectError, RunPlan, RunResult, Store, Trace, run
from reinspect.dataset import Item
from reinspect.engine.local import Local
from reinspect.errors import ReinspectError as Base
from reinspect.graph.build import BuildContext
from reinspect.runs.limits import Ending
from reinspect.runs.session import Session
from reinspect.store import Status
from support.command_line import names, put_greys, put_recipe

HERE = Local(workers=1)


def planned(greys: Path, quick: Path, **options: Any) -> RunPlan:
    out = greys.parent / "out"
    return RunPlan.of(greys, **{"recipe": quick, "out": out, "engine": HERE, **options})


def test_sinks_see_every_trace_and_the_result_counts_them(greys: Path, quick: Path) -> None:
    seen: list[Trace] = []
    told: list[int | None] = []
    plan = planned(greys, quick)
    result = run(plan, [seen.append], started=told.append)
    assert (len(seen), told) == (12, [12])
    assert isinstance(result, RunResult)
    assert (result.name, result.ending, result.resumed) == ("out", Ending.DONE, 0)
    assert result.tally.images == 12
    assert not result.interrupted
    assert len(names(plan.out)) == 12
    assert json.loads((plan.out / "counters.json").read_text())["status"] == "done"
    assert not (plan.out / "traces.parquet").exists()


def test_a_run_that_is_done_has_nothing_new(greys: Path, quick: Path) -> None:
    run(planned(greys, quick))
    told: list[int | None] = []
    again = run(planned(greys, quick, resume=True), started=told.append)
    assert (again.resumed, again.nothing_new, told) == (12, True, [])


def test_a_limit_ends_it_and_resuming_goes_on(greys: Path, quick: Path) -> None:
    failing = put_recipe(greys.parent / "failing.yaml", "reinspect.testing:Failing", error="no")
    stopped = run(planned(greys, failing, max_failures=3))
    assert (stopped.ending, stopped.interrupted) == (Ending.FAILURES, True)
    assert stopped.tally.errors == 3
    rest = run(planned(greys, failing, resume=True))
    assert (rest.resumed, rest.tally.images, rest.ending) == (3, 12, Ending.DONE)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({"out": "used"}, "used: is not empty", id="used"),
        pytest.param({"out": "quick.yaml"}, "quick.yaml: is not a folder", id="file"),
        pytest.param({"out": "new", "resume": True}, "new", id="nothing-to-resume"),
        pytest.param(
            {"recipe": Recipe.model_validate({"detector": "no.where:Part"}), "out": "new"},
            "no.where",
            id="no-such-component",
        ),
        pytest.param({"out": "new", "store": "quick.yaml"}, "not a database", id="no-store"),
    ],
)
def test_what_can_not_be_done_is_refused(
    options: dict[str, Any],
    says: str,
    greys: Path,
    quick: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(greys.parent)
    put_greys(Path("used"), 1)
    with pytest.raises(ReinspectError, match=says) as refused:
        run(planned(greys, quick, **options))
    assert len(str(refused.value).splitlines()) == 1
    assert not (Path("new") / "results.jsonl").exists()


def test_another_recipe_can_not_go_on_with_a_run(greys: Path, quick: Path) -> None:
    run(planned(greys, quick))
    other = Recipe.model_validate({"detector": "support.own_parts:Slower", "tools": []})
    with pytest.raises(ReinspectError, match="cannot resume, its verdicts would not be alike"):
        run(planned(greys, quick, recipe=other, resume=True))


def test_checking_a_plan_writes_nothing(greys: Path, quick: Path) -> None:
    plan = planned(greys, quick)
    Session(plan)
    assert not plan.out.exists()
    assert not Path(plan.store).exists()


def test_a_session_ends_as_it_is_told(greys: Path, quick: Path) -> None:
    plan = planned(greys, quick)
    with Session(plan) as session:
        session.take_up()
        tally = session.finish(Status.INTERRUPTED, {"model_usd": 1.5})
    assert tally.images == 0
    with Store.open(plan.store, create=False) as store:
        kept = store.run("out")
    assert (kept.status, kept.counters["model_usd"]) == (Status.INTERRUPTED, 1.5)


class NotThereError(Base, RuntimeError):
    """An engine that can't be had."""


@dataclass
class ScriptedEngine:
    """This machine, what it is asked to hold and to leave being on record."""

    there: bool = True
    told: list[str] = field(default_factory=list)
    follows = True
    fetches = False

    @contextlib.contextmanager
    def ready(self, _: BuildContext, /) -> Iterator[None]:
        if not self.there:
            raise NotThereError("not there")
        self.told.append("ready")
        yield
        self.told.append("released")

    def at_once(self, recipe: Recipe, images: int | None, /) -> int:
        return 1

    def inspect(
        self, items: Iterable[Item | None], context: BuildContext, /, **options: Any
    ) -> Generator[Trace | None, None, None]:
        self.told.append(f"inspect {options['total']}")
        yield None
        yield from HERE.inspect(items, context)

    def leave_files(self, store: Store, run_id: int, folder: Path, /) -> None:
        (folder / "mine").touch()


def test_an_engine_is_ready_before_anything_is_written(greys: Path, quick: Path) -> None:
    plan = planned(greys, quick, engine=ScriptedEngine(there=False))
    with pytest.raises(NotThereError):
        run(plan)
    assert not plan.out.exists()


def test_an_engine_of_ones_own_is_held_and_leaves_its_files(greys: Path, quick: Path) -> None:
    engine = ScriptedEngine()
    plan = planned(greys, quick, engine=engine)
    assert run(plan).tally.images == 12
    assert "inspect 12" in engine.told
    assert engine.told.count("ready") == engine.told.count("released") > 0
    assert (plan.out / "mine").exists()


def test_a_done_run_asks_no_engine(greys: Path, quick: Path) -> None:
    run(planned(greys, quick))
    engine = ScriptedEngine(there=False)
    assert run(planned(greys, quick, resume=True, engine=engine)).nothing_new
