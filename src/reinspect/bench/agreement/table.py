"""The study on a terminal of 80 columns or more."""

from collections.abc import Callable, Iterator

from rich import box
from rich.table import Table
from rich.text import Text

from reinspect.bench.agreement.guide import judged, judged_kappa
from reinspect.bench.agreement.study import (
    AgreementStudy,
    AppraiserFigures,
    KappaFigure,
    PartShare,
)
from reinspect.texts import visible

_COLOURS = {"acceptable": "blue", "marginal": "yellow", "unacceptable": "magenta"}
_MARKS = {"acceptable": "", "marginal": " ~", "unacceptable": " !"}


def tables_of(found: AgreementStudy) -> Iterator[Table]:
    """Each appraiser; each two of them."""
    yield _appraisers(found)
    if len(found.appraisers) > 1:
        yield _pairs(found)


def _appraisers(found: AgreementStudy) -> Table:
    shown = _empty("~ marginal, ! unacceptable by AIAG's guidelines; in brackets 95 %")
    shown.add_column("", overflow="fold", min_width=12)
    for one in found.appraisers:
        shown.add_column(Text(visible(one.name)), justify="right", overflow="fold")
    rows: dict[str, Callable[[AppraiserFigures], str | Text]] = {
        "parts, trials": lambda one: f"{one.parts}, {_range(one.trials)}",
        "repeatability": lambda one: _share(one.repeatability),
        "kappa of trials": lambda one: _kappa(one.within),
        "effectiveness": lambda one: _share(one.effectiveness, "effectiveness"),
        "kappa, truth": lambda one: _kappa(one.against_truth),
        "miss rate": lambda one: _share(one.miss_rate, "miss_rate"),
        "false alarms": lambda one: _share(one.false_alarm_rate, "false_alarm_rate"),
        "undecided": lambda one: str(one.undecided),
    }
    for name, cell in rows.items():
        shown.add_row(name, *(cell(one) for one in found.appraisers))
    return shown


def _pairs(found: AgreementStudy) -> Table:
    together = found.together
    shown = _empty(
        f"all together, {together.parts} parts: alike {together.reproducibility}; right "
        f"{together.effectiveness}; Fleiss' kappa {together.between}"
    )
    for heading in ("one", "other"):
        shown.add_column(heading, overflow="fold")
    for heading in ("parts", "both good", "both defective", "differ", "Cohen's kappa"):
        shown.add_column(heading, justify="right")
    for pair in found.pairs:
        good, bad = pair.table["good"]["good"], pair.table["defective"]["defective"]
        total = sum(sum(row.values()) for row in pair.table.values())
        neither = pair.table["undecided"]["undecided"]
        shown.add_row(
            Text(visible(pair.one)),
            Text(visible(pair.other)),
            str(pair.parts),
            str(good),
            str(bad),
            str(total - good - bad - neither),
            _kappa(pair.kappa),
        )
    return shown


def _empty(caption: str) -> Table:
    return Table(
        box=box.SIMPLE_HEAD, padding=0, pad_edge=False, caption=caption, caption_justify="left"
    )


def _range(trials: tuple[int, int]) -> str:
    fewest, most = trials
    return str(most) if fewest == most else f"{fewest}-{most}"


def _share(found: PartShare, figure: str = "") -> Text:
    said = judged(figure, found.share) if figure else None
    between = f" [{found.interval.low:.0%}, {found.interval.high:.0%}]" if found.interval else ""
    return Text(f"{found}{between}{_MARKS.get(said or '', '')}", style=_COLOURS.get(said or "", ""))


def _kappa(found: KappaFigure) -> Text:
    said = judged_kappa(found.kappa)
    between = f" [{found.interval.low:.2f}, {found.interval.high:.2f}]" if found.interval else ""
    return Text(f"{found}{between}{_MARKS.get(said or '', '')}", style=_COLOURS.get(said or "", ""))
