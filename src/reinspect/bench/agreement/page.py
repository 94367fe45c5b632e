"""The study as one HTML page that needs nothing but a browser, with the plot of gauge studies."""

from collections.abc import Sequence
from typing import NamedTuple

from reinspect.bench.agreement.guide import judged, judged_kappa
from reinspect.bench.agreement.study import AgreementStudy, KappaFigure, PartShare, Rating
from reinspect.export.pages import templates

STEP, TALL = 110, 220
"""Of a panel: width of an appraiser, height of 0 to 100 %."""


class Whisker(NamedTuple):
    """A share with its interval, in plot units from the top; none where there is nothing."""

    x: float
    at: float
    low: float
    high: float
    name: str
    said: str


class Panel(NamedTuple):
    """The appraisers side by side, by one share."""

    title: str
    whiskers: tuple[Whisker, ...]
    names: tuple[str, ...]
    width: int


def page(found: AgreementStudy) -> str:
    """The page; what comes from files is text on it, never markup."""
    environment = templates("reinspect.bench.agreement", share=_share, kappa=_kappa)
    panels = [
        _panel("Within appraisers", found, [one.repeatability for one in found.appraisers]),
        _panel("Appraiser against truth", found, [one.effectiveness for one in found.appraisers]),
    ]
    return environment.get_template("agreement.html.j2").render(
        found=found,
        panels=[panel for panel in panels if panel.whiskers],
        tall=TALL,
        step=STEP,
        judged=judged,
        judged_kappa=judged_kappa,
        ratings=list(Rating),
    )


def _panel(title: str, found: AgreementStudy, shares: Sequence[PartShare]) -> Panel:
    names = tuple(one.name for one in found.appraisers)
    whiskers = tuple(
        Whisker(
            STEP * (place + 0.5),
            _down(share.share),
            _down(share.interval.low),
            _down(share.interval.high),
            name,
            f"{name}: {share}",
        )
        for place, (name, share) in enumerate(zip(names, shares, strict=True))
        if share.share is not None and share.interval is not None
    )
    return Panel(title, whiskers, names, STEP * len(names))


def _down(share: float) -> float:
    return round(TALL * (1 - share), 1)


def _share(found: PartShare) -> str:
    if found.interval is None:
        return str(found)
    return f"{found} ({found.interval.low:.1%} to {found.interval.high:.1%})"


def _kappa(found: KappaFigure) -> str:
    if found.interval is None:
        return str(found)
    return f"{found} ({found.interval.low:.2f} to {found.interval.high:.2f})"
