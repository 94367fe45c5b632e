"""What models were asked is kept once, and comes back with its calls; older rows lack it."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, func, select
from sqlmodel import col

from reinspect.store import RunInfo, Store
from reinspect.store.database import parse
from reinspect.store.tables import PromptTable, StepTable
from reinspect.trace import Trace
from reinspect.vocabulary import Call, Outcome
from support.made_traces import judged


def call(text: str) -> Call:
    return Call(
        model="m",
        prompt="detect.json.md",
        prompt_sha256="0" * 64,
        text=text,
        text_sha256=hashlib.sha256(text.encode()).hexdigest(),
        started=datetime(2026, 5, 4, 3, 2, 1, 123456, UTC),
    )


def asked(image: str, *texts: str) -> Trace:
    """A trace whose detector is a tool, too, and has asked so."""
    trace = judged(image, 0.1, Outcome.PASS)
    detect = trace.steps[0]
    products = (*map(call, texts), *detect.products)
    when = datetime(2026, 5, 4, 3, 2, 1, 654321, UTC)
    first = detect.model_copy(update={"products": products, "started": when, "tool": "zoom"})
    return trace.model_copy(update={"steps": (first, *trace.steps[1:])})


def test_a_text_is_kept_once_and_comes_back(store: Store, run: int, url: str) -> None:
    traces = [asked(f"{n}.png", "Is it good?", f"Is <b>{n}</b>\u202e good?") for n in range(3)]
    with store.writer(run) as writer:
        for trace in traces:
            writer(trace)
        writer(traces[0])
    assert list(store.traces(run)) == traces
    assert [store.trace(run, trace.sample.id) for trace in traces] == traces
    engine = create_engine(parse(url))
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(PromptTable)) == 4
        kept = connection.scalars(
            select(col(StepTable.products)).where(col(StepTable.position) == 0)
        )
        assert all(product.text == "" for (first, *_) in kept for product in [first])
    engine.dispose()


def test_a_call_without_its_text_stays_so(store: Store, run: int) -> None:
    bare = asked("a.png")
    old = Call(model="m", prompt="detect.json.md", prompt_sha256="0" * 64)
    step = bare.steps[0].model_copy(update={"products": (old,)})
    trace = bare.model_copy(update={"steps": (step,)})
    with store.writer(run) as writer:
        writer(trace)
    assert store.trace(run, "a.png") == trace


def test_rows_of_before_have_neither_start_nor_text(tmp_path: Path) -> None:
    where = tmp_path / "old.db"
    with Store.open(where) as store:
        run = store.begin_run(RunInfo(name="old"))
        with store.writer(run) as writer:
            writer(asked("a.png", "Is it good?"))
    config = Config()
    config.set_main_option("script_location", "reinspect.store:migrations")
    config.set_main_option("path_separator", "os")
    engine = create_engine(parse(where))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
    engine.dispose()
    with Store.open(where) as store:
        (first, *_) = store.trace(run, "a.png").steps
        assert (first.started, first.tool) == (None, None)
        (found, _) = first.products
        assert isinstance(found, Call)
        assert found.text == ""
        with store.writer(run) as writer:
            writer(asked("b.png", "Is it good?"))
        assert store.trace(run, "b.png") == asked("b.png", "Is it good?")
