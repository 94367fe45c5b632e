"""What the commands print: rows, sums, and one image's story."""

from collections.abc import Iterable, Mapping
from itertools import islice

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reinspect.cli.progress import COLOURS
from reinspect.images import one_line
from reinspect.qualification.detection import Detection, SizeLimit
from reinspect.readings import BriefVerdict
from reinspect.store import Row, Tally
from reinspect.texts import two_digits, visible
from reinspect.trace import Trace
from reinspect.vocabulary import (
    Assessment,
    Call,
    Decision,
    Disposition,
    Evidence,
    Explanation,
    Outcome,
    Product,
    Revision,
    ToolUse,
    Truth,
    Verdict,
)

SHOWN = 60
"""Rows printed at most; the report has all."""

ROOMY = 120
"""Columns of a terminal that are enough to say why, too."""


def verdicts(rows: Iterable[Row], total: int, *, width: int = 80) -> Table:
    """The first of a run's `total` verdicts, an image a row; why, where there is room for it."""
    table = Table(box=box.SIMPLE, pad_edge=False, padding=0)
    table.add_column("image", overflow="fold")
    for name in ("first", "final", "rel.", "disposition"):
        table.add_column(name, no_wrap=True)
    roomy = width >= ROOMY
    if roomy:
        table.add_column("why")
    for row in islice(rows, SHOWN):
        cells: list[str | Text] = [
            Text(one_line(row.image)),
            _look(row.first),
            _look(row.verdict) if row.rounds else "",
            "" if row.reliability is None else f"{row.reliability:.2f}",
            Text(row.disposition.value, style=COLOURS[row.disposition]),
        ]
        table.add_row(*cells, *([Text(visible(row.error or row.reason))] if roomy else []))
    if total > SHOWN:
        table.caption = f"… and {total - SHOWN} more: see report.html or results.csv"
    return table


def summary(tally: Tally) -> Text:
    """How a run came out, in one line."""
    counts = {
        Outcome.PASS: tally.passed,
        Outcome.FAIL: tally.failed,
        Outcome.REVIEW: tally.review,
    }
    line = Text(f"{tally.images} images: ")
    for outcome, count in counts.items():
        line.append(f"{count} {outcome}", style=COLOURS[outcome]).append(", ")
    line.append(f"{tally.revisited} looked at twice, {tally.corrected} corrected")
    if tally.errors:
        line.append(f", {tally.errors} failed", style="bold")
    return line


def against_truth(rows: Iterable[Row], truth: Mapping[str, Truth]) -> Text:
    """How right the first and the final verdicts were, in one line."""
    known = [
        (row.first.label, row.verdict.label, truth[row.image].label)
        for row in rows
        if row.first and row.verdict and row.image in truth
    ]
    first, final = (sum(look[i] is look[2] for look in known) for i in (0, 1))
    fixed = sum(before is not true and after is true for before, after, true in known)
    return Text(
        f"Right, of {len(known)} whose truth is known: {first} at the first look, {final} in the "
        f"end; second looks fixed {fixed} and broke {first + fixed - final}"
    )


def detected(found: Detection, mm_per_pixel: float | None) -> Table:
    """From which size on damage is found, all kinds together and each alone."""
    table = Table(box=box.SIMPLE, pad_edge=False, padding=0)
    table.add_column("damage")
    for name in ("found", "a50", "a90", "a90/95"):
        table.add_column(name, justify="right", no_wrap=True)
    for limits in (found.overall, *found.kinds):
        if limits.n:
            sizes = (limits.a50, limits.a90, limits.a90_95)
            cells = [_length(size, mm_per_pixel) for size in sizes]
            table.add_row(
                Text(visible(limits.kind or "all")), f"{limits.found} of {limits.n}", *cells
            )
    return table


def _length(size: SizeLimit, mm_per_pixel: float | None) -> str:
    """A limit in a few letters: of words the page has more."""
    if size.px is None:
        return "smaller" if size.why.startswith("below") else "–"
    return f"{size.px:.3g} px" + (f", {size.px * mm_per_pixel:.2g} mm" if mm_per_pixel else "")


def story(console: Console, trace: Trace) -> None:
    """One image: what came of it, then how, step by step."""
    console.print(Text(one_line(trace.sample.id), style="bold"))
    if trace.disposition is not None:
        outcome, verdict = trace.disposition.outcome, trace.verdict
        line = Text(outcome.value, style=COLOURS[outcome])
        if verdict is not None:
            line.append(
                f", {verdict.label.value} (p = {two_digits(verdict.probability)})", style="default"
            )
        line.append(f": {visible(trace.disposition.reason)}", style="default")
        console.print(line)
    table = Table("step", "round", "seconds", "what it says", show_lines=True)
    for step, explored in trace.taken:
        name = f"{step.view}: {step.node}" if step.view else step.node
        name += " (explored)" if explored else ""
        said = [_said(product) for product in step.products]
        said += [f"failed: {step.error}"] if step.error else []
        shown = Text(visible("\n".join(said), lines=True))
        table.add_row(name, str(step.round), f"{step.seconds:.3f}", shown)
    console.print(table)


def _look(look: BriefVerdict | None) -> str:
    return "" if look is None else f"{look.label.value} {two_digits(look.probability)}"


def _said(product: Product) -> str:
    match product:
        case Verdict():
            own = [_said(evidence) for evidence in product.evidence]
            return "\n".join(
                [f"{product.label.value}, p = {product.probability:.3f}: {product.rationale}", *own]
            )
        case Evidence():
            numbers = ", ".join(f"{k} {v:.3g}" for k, v in product.measurements.items())
            files = "".join(f"\n  {p.shows}: {p.path}" for p in product.pictures)
            sure = "" if product.probability is None else f" (p = {product.probability:.3f})"
            return f"{product.source}{sure}: {product.summary}\n  {numbers}{files}"
        case Assessment():
            return "\n".join(product.reasons)
        case Decision():
            return f"{product.move.value} (by {product.policy}) {product.reason}"
        case Revision():
            return f"{product.move.value}: {product.reflection}"
        case Explanation():
            return f"first: {product.first}\nfinal: {product.final}"
        case Disposition():
            return f"{product.outcome.value}: {product.reason}"
        case Call():
            return _asked(product)
        case ToolUse():
            shown = f" ({product.pictures} pictures)" if product.pictures else ""
            return f"{product.name}({product.arguments}){shown}\n  > {product.answer}"


def _asked(call: Call) -> str:
    cost = "cost unknown" if call.usd is None else f"{call.usd:.6f} USD"
    cost = "answered from disk" if call.cached else cost
    said = "".join(f"\n  > {answer}" for answer in call.answers)
    failed = f"\n  failed: {call.error}" if call.error else ""
    return (
        f"asked {call.model} ({call.prompt} {call.prompt_sha256:.8}, {call.pictures} pictures): "
        f"{call.tokens_in or '?'} tokens in, {call.tokens_out or '?'} out, {call.seconds:.2f} s, "
        f"{cost}{said}{failed}"
    )
