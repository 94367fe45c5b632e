"""Judgements, on which monitors are fitted, with the truth from reviews or annotations."""

from pathlib import Path

from reinspect.export.selection import Selection
from reinspect.files import whole_file
from reinspect.policies.case import by_picture


def write_judgements(chosen: Selection, out: Path) -> None:
    """Write a judgement a line, of parts with several views one a view.

    A picture without a first look has none.
    """
    explored = chosen.run.explored
    truths = chosen.store.truth(chosen.run.id)
    with whole_file(out) as file:
        for found in chosen.inspections():
            trace = chosen.store.trace_of(found.id)
            truth = truths.get(found.row.image)
            for seen in by_picture(trace, truth, chosen.run.name_of):
                if seen.trace.first is not None:
                    case = seen.case(explored=explored)
                    file.write(case.model_dump_json(exclude_defaults=True).encode() + b"\n")
