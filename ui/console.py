"""What all pages share: the open store, who is reviewing, and how faults are shown."""

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from reinspect.export import appearance
from reinspect.export.pages import asset
from reinspect.files import identity_of
from reinspect.store import Run, Store, StoreError
from reinspect.store.database import parse
from reinspect.ui import addresses

STALE = 15
"""Seconds after which the list of runs is read again: one may be writing."""


@dataclass(frozen=True)
class Options:
    """What `reinspect ui` was started with."""

    store: str
    runs: str | None = None
    reviewer: str | None = None
    commission: str | None = None
    """Folder of parts to commission by."""
    references: str | None = None
    """Folder of the references that a commissioning begins with."""
    out: str | None = None
    """Folder of the commissioning."""


class StorePlace(NamedTuple):
    """A store's URL and, of an SQLite file, its inode: another file may take the same name."""

    url: str
    file: tuple[int, int] | None


class At(NamedTuple):
    """A store and its version: counts are cached until something is added."""

    place: StorePlace
    version: tuple[int, ...]

    @property
    def url(self) -> str:
        """Of the store."""
        return self.place.url


@dataclass(frozen=True)
class Console:
    """The store and the person in front of it."""

    store: Store
    options: Options
    reviewer: str | None
    pages: dict[str, Any]
    moved: bool = False
    """Whether another page was shown before this one."""

    @property
    def runs_folder(self) -> Path | None:
        """Where runs' folders are now, where `--runs` says so."""
        return Path(self.options.runs) if self.options.runs else None

    @property
    def runs(self) -> list[Run]:
        """All runs, newest first."""
        return _runs(_place(self.options.store))

    @property
    def names(self) -> dict[str, int]:
        """Name → id of all runs, newest first."""
        return {run.name: run.id for run in self.runs}

    @property
    def at(self) -> At:
        """The store as it is now."""
        return At(_place(self.options.store), self.store.statistics.version())

    def view(self) -> addresses.ListView:
        """The view that the address asks for, else the one that was looked at on another page."""
        remembered = st.session_state.get("address", {}) if self.moved else {}
        if remembered and not any(name in st.query_params for name in addresses.NAMES):
            for name, values in remembered.items():
                st.query_params[name] = values
        return addresses.read(st.query_params, self.names)

    def remember(self, view: addresses.ListView) -> None:
        """Put a view into the address, and keep it for the other pages."""
        said = addresses.write(view, self.names)
        st.session_state["address"] = said
        for name in addresses.NAMES:
            if name in said:
                st.query_params[name] = said[name]
            elif name in st.query_params:
                del st.query_params[name]

    def address(self, **more: Any) -> dict[str, Any]:
        """Parameters that lead to another page with the same view."""
        return {**st.session_state.get("address", {}), **more}


def opened(url: str) -> Store:
    """The store, opened once for all sessions; anew if another file has taken its place."""
    return _opened(_place(url))


@st.cache_resource(show_spinner=False)
def _opened(place: StorePlace) -> Store:
    return Store.open(place.url, create=False)


def _place(url: str) -> StorePlace:
    where = parse(url)
    if where.get_backend_name() != "sqlite" or not where.database:
        return StorePlace(url, None)
    return StorePlace(url, identity_of(where.database))  # opening it says why there is none


@st.cache_data(ttl=STALE, show_spinner=False)
def _runs(place: StorePlace) -> list[Run]:
    return _opened(place).runs()


def reviewer_of(options: Options) -> str | None:
    """Who is logged in, where a login is configured; else who was named."""
    if not login_configured():
        return options.reviewer or None
    claims = ("name", "preferred_username", "email")
    return next((str(st.user[claim]) for claim in claims if st.user.get(claim)), None)


def login_configured() -> bool:
    """Whether Streamlit's own login is configured: section `auth` of its secrets."""
    return "is_logged_in" in st.user


def logged_in() -> bool:
    """Whether the visitor may enter; where not, draw the login page."""
    if not login_configured() or st.user["is_logged_in"]:
        return True
    st.title("reinspect", anchor=False)
    if importlib.util.find_spec("authlib") is None:
        empty("A login is configured, and needs Authlib.", "pip install 'streamlit[auth]'")
        return False
    for provider in _providers():
        named = f" with {provider}" if provider else ""
        st.button(f"Log in{named}", on_click=st.login, args=(provider,), type="primary")
    return False


def _providers() -> list[str | None]:
    """The providers that the secrets name; none has a name where there is but one."""
    auth = st.secrets["auth"]
    named = [name for name, value in auth.items() if isinstance(value, Mapping)]
    return [name for name in named if name != "client_kwargs"] or [None]


@contextmanager
def faults_shown() -> Iterator[None]:
    """A fault of the store or of a file in one line on the page; bugs keep their traceback."""
    try:
        yield
    except StoreError as error:
        st.error("The store can't be read.", icon=":material/error:")
        st.text(str(error))


def notice() -> None:
    """Show once what the last action did."""
    said = st.session_state.pop("notice", None)
    if said:
        st.toast(said, icon=":material/check:")


def style() -> None:
    """Add the console's style sheet, and that of stories and badges."""
    st.html(f"<style>{appearance.style(switched=True)}{asset('story.css')}{_css()}</style>")


@cache
def _css() -> str:
    return (files("reinspect.ui") / "console.css").read_text(encoding="utf-8")


def empty(text: str, hint: str = "") -> None:
    """Say that there is nothing to show, and what to do about it."""
    st.info(text, icon=":material/inbox:")
    if hint:
        st.code(hint, language=None)


def cached(function: Callable[..., Any]) -> Any:
    """Cache what a function reads from the store, by its arguments."""
    return st.cache_data(ttl=600, max_entries=64, show_spinner=False)(function)
