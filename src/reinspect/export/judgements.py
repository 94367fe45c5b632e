"""Judgements, on which monitors are fitted, with the truth from reviews or annotations."""

from pathlib import Path

from reinspect.export.selection import Selection
from reinspect.files import whole_file
from reinspect.policies.case import case_of


def write_judgements(chosen: Selection, out: Path) -> None:
    """Write a judgement a line; an image without a first look, or a part of views, has none."""
    explored = chosen.run.explored
    truths = chosen.store.truth(chosen.run.id)
    with whole_file(out) as file:
        for found in chosen.inspections():
            trace = chosen.store.trace_of(found.id)
            if trace.first is None or trace.by_view:
                continue
            truth = truths.get(found.row.image)
            case = case_of(
                trace,
                truth=truth,
                explored=explored,
            )
            file.write(case.model_dump_json(exclude_defaults=True).encode() + b"\n")
