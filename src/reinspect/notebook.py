"""What values look like in a notebook: a heading over a table of HTML."""

import html
from collections.abc import Iterable, Sequence


def shown(heading: str, rows: Iterable[Sequence[object]], head: Sequence[str] = ()) -> str:
    """HTML without a style of its own, every text escaped.

    Args:
        heading: a line above.
        rows: of the table; without any there is none.
        head: names of its columns.
    """
    lines = [_row("th", head)] if head else []
    body = [_row("td", row) for row in rows]
    table = f"<table>{''.join([*lines, *body])}</table>" if body else ""
    return f"<div><b>{html.escape(heading)}</b>{table}</div>"


def _row(cell: str, texts: Sequence[object]) -> str:
    style = ' style="text-align: left"'
    cells = (f"<{cell}{style}>{html.escape(str(text))}</{cell}>" for text in texts)
    return f"<tr>{''.join(cells)}</tr>"
