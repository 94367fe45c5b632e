"""One inspection step by step: a timeline for the console, and an HTML page.

What comes from files and models is text, never markup: the templates escape it, and the page's own
policy lets no script run but the viewer's.
"""

import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment

from reinspect.cost import ModelCost
from reinspect.export import appearance
from reinspect.export.appearance import number
from reinspect.export.in_words import in_words
from reinspect.export.pages import PageScript, asset, inside_script, templates
from reinspect.export.scene import (
    SIDE,
    Places,
    digest,
    evidence_picture,
    scene,
    shows,
    whole_picture,
)
from reinspect.files import write_file
from reinspect.images import Pixels
from reinspect.readings import types_of
from reinspect.store import Comment, Inspected, Review, Run, Store
from reinspect.texts import two_digits
from reinspect.trace import Trace
from reinspect.vocabulary import Picture, Truth

MOVES = {
    "accept": "rely on it",
    "revisit": "look again",
    "escalate": "ask a person",
    "keep": "keep",
    "correct": "correct",
}


class Told(NamedTuple):
    """Everything that a story shows."""

    run: Run
    found: Inspected
    trace: Trace
    reviews: tuple[Review, ...]
    truths: tuple[Truth, ...]
    places: Places
    comments: tuple[Comment, ...] = ()

    @classmethod
    def of(cls, store: Store, inspection_id: int, runs: Path | None = None) -> "Told":
        """Read it from the store; `runs` is where runs' folders are now, if they were moved.

        Raises:
            StoreError: there is no such inspection.
        """
        found = store.browse.one(inspection_id)
        run = store.run_of(found.run_id)
        return cls(
            run=run,
            found=found,
            trace=store.trace_of(inspection_id),
            reviews=store.queue.reviews(inspection_id),
            truths=store.truths_of(run.id, found.row.image),
            places=Places.of(run, runs),
            comments=found.row.comments,
        )

    @property
    def truth(self) -> Truth | None:
        """What is known to be true of the part, if anything is."""
        return self.truths[0] if self.truths else None

    @property
    def views(self) -> tuple[str, ...]:
        """The views that there are pictures of, the one to show first before the others."""
        names = [view.name for view in self.trace.sample.views if view.name is not None]
        return tuple(sorted(names, key=lambda name: name != self.trace.leading))

    @property
    def scene(self) -> dict[str, Any]:
        """The picture and its layers, for the viewer; of several views the one to show first."""
        return self.scene_of(None)

    def scene_of(
        self,
        view: str | None,
        side: int = SIDE,
        *,
        light: bool = False,
        shown: Callable[[Pixels], object] | None = None,
    ) -> dict[str, Any]:
        """The same of the named view; the others are as `scene` takes them."""
        review = self.found.row.review
        said = (truth for truth in self.truths if truth.source == "annotation")
        return scene(
            self.trace,
            self.places,
            recipe=self.run.recipe,
            references=self._references,
            reviewed=review.defects if review else None,
            annotated=next(said, None),
            view=view,
            side=side,
            light=light,
            shown=shown,
        )

    def offline(self) -> list[dict[str, Any]]:
        """Its views for a page without a server: the scene, and every pixel where it has fewer."""
        shown = []
        for view in self.views or (None,):
            seen = self.scene_of(view)
            whole = whole_picture(self.path(view)) if seen["more"] else None
            seen = {**seen, "key": digest(seen), "more": whole is not None}
            shown.append({"name": view, "scene": seen, "whole": whole})
        return shown

    def part(self, view: str | None = None) -> dict[str, Any]:
        """The picture without anything that was said of it, for whoever judges it anew."""
        return scene(
            self.trace,
            self.places,
            recipe=self.run.recipe,
            references=self._references,
            view=view,
            blind=True,
        )

    @property
    def _references(self) -> str:
        return self.run.versions.get("references", "")

    def path(self, view: str | None = None) -> str:
        """Where the picture of a view was when it was inspected."""
        named = {one.name: one.path for one in self.found.views}
        return named.get(view, self.found.path)


def timeline(told: Told) -> str:
    """The story as HTML without scripts; `story.css` goes with it."""
    macros = _environment().get_template("story.html.j2").make_module(_context(told))
    return str(macros.story())  # type: ignore[attr-defined]


def write_page(store: Store, run_id: int, image: str, out: Path) -> None:
    """Write an image's story as one HTML file that needs nothing else, whole or not at all.

    Raises:
        WriteError: the file can't be written.
        StoreError: the store can't be read, or has no such image.
    """
    write_file(out, story_page(Told.of(store, store.newest(run_id, image))))


def story_page(told: Told) -> bytes:
    """A story as an HTML page that needs nothing else, every view and every pixel within."""
    shown = told.offline()
    script = PageScript.with_viewer(
        "present(document, JSON.parse(document.getElementById('scene').textContent));"
    )
    page = (
        _environment()
        .get_template("story_page.html.j2")
        .render(
            **_context(told),
            scene=shown[0]["scene"],
            data=inside_script(shown),
            style=appearance.style(),
            mark=appearance.mark(),
            icon=appearance.icon(),
            viewer_css=asset("viewer.css"),
            story_css=asset("story.css"),
            script=script,
        )
    )
    return page.encode("utf-8", "backslashreplace")


def _context(told: Told) -> dict[str, Any]:
    under = {view.name: view for view in told.trace.sample.views}

    def shown(picture: Picture, view: str | None) -> Any:
        own = under.get(view, told.trace.sample.views[0])
        return evidence_picture(picture, told.places, under=own.path, view=own)

    return {
        "run": told.run,
        "row": told.found.row,
        "trace": told.trace,
        "first": told.trace.first,
        "reviews": told.reviews,
        "comments": told.comments,
        "truth": told.truth,
        "annotation": told.truths[1] if len(told.truths) > 1 else None,
        "spent": ModelCost.of_trace(told.trace),
        "moves": MOVES,
        "pictures": shown,
        "plain": in_words(told.found.row, told.trace, told.truth, told.reviews),
        "steps": {place for place, (step, _) in enumerate(told.trace.taken) if shows(step)},
    }


@cache
def _environment() -> Environment:
    return templates(
        "reinspect.export",
        number=number,
        probability=two_digits,
        signed=partial(number, sign="+"),
        figure=_figure,
        seconds=_seconds,
        types=types_of,
        word=lambda text: re.sub("[^a-z]", "", text.lower()),
    )


def _figure(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def _seconds(value: float) -> str:
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.2f} s"
