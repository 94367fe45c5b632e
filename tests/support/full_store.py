"""A small store with something in every table, and what a careless hand does to one."""

from sqlalchemy import create_engine

from reinspect.store import NewCaption, RunInfo, Status, Store
from reinspect.store.database import parse
from reinspect.vocabulary import Verdict
from support.made_traces import corrected

IMAGES = ("a.png", "b.png", "c.png")
STEPS, EVIDENCE = len(corrected("a.png").steps), len(corrected("a.png").evidence)


def full(url: str) -> None:
    """A store with something in every table."""
    with Store.open(url) as store:
        for name in ("monday", "tuesday"):
            run = store.begin_run(RunInfo(name=name, recipe="detector: embedded\n"))
            with store.writer(run) as writer:
                for image in IMAGES:
                    writer.write(corrected(image))
            store.finish_run(run, Status.DONE, store.tally(run).model_dump())
        first = store.newest(1, "a.png")
        store.browse.review(first, Verdict.of(0.9), reviewer="Ada", why="it is bent")
        store.browse.add_captions(
            [NewCaption(inspection_id=first, mode="thinking", text="bent", source="template")]
        )
        (draft,) = store.browse.captions_of([first])
        store.browse.decide(draft.id, "edited", reviewer="Ada", text="a bent pin")


def change(url: str, *statements: str) -> None:
    """As somebody would who is not careful: with foreign keys off."""
    engine = create_engine(parse(url))
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
