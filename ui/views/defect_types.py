"""Defect types: one list a product, of recipes, annotations and reviewers, that people edit."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from reinspect.store import Filter, TypeName
from reinspect.store.type_names import MOST_LETTERS
from reinspect.ui import words
from reinspect.ui.addresses import ListView, write
from reinspect.ui.bench import named_types
from reinspect.ui.console import At, Console, cached, empty, notice, opened

_NONE = "(no product)"


def page() -> None:
    """Draw the page."""
    console: Console = st.session_state["console"]
    st.title("Defect types", anchor=False)
    notice()
    products = _products(console.at)
    if not products:
        empty("Nothing has been inspected yet.", "reinspect run PARTS --store STORE")
        return
    names = [name or _NONE for name in products]
    chosen = st.selectbox("Product", names, key="types_product", bind="query-params")
    product = products[names.index(chosen)]
    recipes = _of_recipes(console, product)
    listed = _listed(console.at, product, recipes)
    _table(console, product, listed, recipes)
    decided = [one for one in console.store.queue.decided_types() if one.category == product]
    if console.reviewer:
        _edit(console, product, listed, len(decided))
        _add(console, product, len(decided))
    else:
        st.caption("Read-only. To change the list: `reinspect ui --reviewer NAME`")
    _history(console, product, decided)


def _of_recipes(console: Console, product: str | None) -> tuple[str, ...]:
    """The types that the recipes of runs with this product name, by the names of today."""
    with_it = _runs_with(console.at, product)
    recipes = dict.fromkeys(run.recipe for run in console.runs if run.id in with_it)
    called = console.store.queue.type_names()
    named = (name for recipe in recipes for name in named_types(recipe))
    return tuple(dict.fromkeys(called.today(product, name) for name in named))


def _table(
    console: Console,
    product: str | None,
    listed: Mapping[str, tuple[bool, int]],
    recipes: Sequence[str],
) -> None:
    if not listed:
        st.caption("No recipe, annotation or reviewer names a type of this product.")
        return
    view = {"categories": (product,) if product else ()}
    rows = [
        {
            "type": name,
            "in a recipe": "✓" if name in recipes else None,
            "by people": "✓" if said else None,
            "verdicts": verdicts,
        }
        for name, (said, verdicts) in listed.items()
    ]
    picked = st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "by people": st.column_config.TextColumn(help="In annotations or reviews, or added"),
            "verdicts": st.column_config.NumberColumn(help="That name it; select to see them"),
        },
        placeholder="–",
        key=f"types-{product}",
        alt="Types of the product; select one to see the inspections whose verdict names it",
    )
    if picked["selection"]["rows"]:
        name = list(listed)[picked["selection"]["rows"][0]]
        said_so = write(ListView(Filter(types=(name,), **view)), console.names)
        st.session_state["address"] = said_so
        st.switch_page(console.pages["inspections"], query_params=said_so)


def _edit(console: Console, product: str | None, listed: Mapping[str, object], number: int) -> None:
    """The form; `number` of decisions, so that it is empty again after each."""
    st.header("Call a type otherwise", anchor=False)
    if not listed:
        return
    left, right, act = st.columns([2, 2, 1], vertical_alignment="bottom")
    old = left.selectbox(
        "Type", list(listed), index=None, key=f"types_old_{number}", placeholder="choose"
    )
    new = right.text_input("New name", key=f"types_new_{number}", max_chars=MOST_LETTERS)
    becomes = " ".join(new.split())
    merges = becomes in listed and becomes != old
    label = "Merge" if merges else "Rename"
    ready = bool(old and becomes and becomes != old)
    if merges and old:
        st.caption(
            f"{words.plain(old, 60)} and {words.plain(becomes, 60)} will be one type. Nothing that "
            "was recorded is rewritten: it can be taken back below."
        )
    if act.button(label, disabled=not ready, width="stretch") and old:
        console.store.queue.call_type(product, old, becomes, author=console.reviewer or "")
        _again(f"{words.plain(old, 60)} is called {words.plain(becomes, 60)} from now on.")


def _add(console: Console, product: str | None, number: int) -> None:
    left, act = st.columns([4, 1], vertical_alignment="bottom")
    new = left.text_input("Add a type", key=f"types_add_{number}", max_chars=MOST_LETTERS)
    name = " ".join(new.split())
    if act.button("Add", disabled=not name, width="stretch"):
        console.store.queue.call_type(product, name, name, author=console.reviewer or "")
        _again(f"{words.plain(name, 60)} is offered to reviewers from now on.")


def _history(console: Console, product: str | None, decided: Sequence[TypeName]) -> None:
    if not decided:
        return
    st.header("What was decided", anchor=False)
    current = console.store.queue.type_names()
    for place, one in reversed(list(enumerate(decided))):
        text, act = st.columns([4, 1], vertical_alignment="center")
        name, becomes = words.escaped(one.name), words.escaped(one.becomes)
        said = f"<b>{name}</b> has its own name" if one.own else f"<b>{name}</b> → <b>{becomes}</b>"
        when = f"{one.at.astimezone():%Y-%m-%d %H:%M}"
        text.html(f'{said} <span class="facts">by {words.escaped(one.author)} · {when}</span>')
        back = not one.own and current.today(product, one.name) != one.name
        if back and act.button(
            "Take back",
            key=f"types-back-{place}",
            disabled=console.reviewer is None,
            width="stretch",
            help="It has its own name again",
        ):
            console.store.queue.call_type(
                product, one.name, one.name, author=console.reviewer or ""
            )
            _again(f"{words.plain(one.name, 60)} has its own name again.")


def _again(said: str) -> None:
    st.session_state["notice"] = said
    st.rerun()


@cached
def _products(at: At) -> list[str | None]:
    return list(opened(at.url).browse.products())


@cached
def _runs_with(at: At, product: str | None) -> set[int]:
    return opened(at.url).browse.runs_with(product)


@cached
def _listed(at: At, product: str | None, recipes: tuple[str, ...]) -> dict[str, tuple[bool, int]]:
    """Today's name → whether people use it, and how many verdicts name it."""
    store = opened(at.url)
    people = store.queue.types(product)
    verdicts = store.browse.types_of(product)
    every = dict.fromkeys((*recipes, *people, *sorted(verdicts)))
    return {name: (name in people, verdicts.get(name, 0)) for name in every}
