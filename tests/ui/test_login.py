"""Streamlit's own login against a provider that runs: who is logged in is who reviews."""

from pathlib import Path

import pytest

from reinspect.store import Filter, RunInfo, Store
from reinspect.vocabulary import Outcome
from support.browser import browsing, console, idle, need_browser
from support.identity import CLIENT, SECRET, Provider
from support.local_server import free_port
from support.made_traces import judged

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def kept(tmp_path: Path, folder: Path) -> Path:
    """A store of one inspection."""
    where = tmp_path / "login.db"
    with Store.open(where) as store:
        run = store.begin_run(RunInfo(name="monday", folder=str(folder)))
        with store.writer(run) as writer:
            writer.write(judged("a.png", 0.6, Outcome.REVIEW, path=str(tmp_path / "part.png")))
    return where


def test_the_reviewer_is_whoever_logged_in(kept: Path, tmp_path: Path) -> None:
    need_browser()
    port = free_port()
    with Provider(name="Zoë <b>Ångström</b>", email="zoe@example.com") as provider:
        secrets = tmp_path / "secrets.toml"
        secrets.write_text(
            "[auth]\n"
            f'redirect_uri = "http://127.0.0.1:{port}/oauth2callback"\n'
            'cookie_secret = "something long enough to sign with"\n'
            f'client_id = "{CLIENT}"\n'
            f'client_secret = "{SECRET}"\n'
            f'server_metadata_url = "{provider.url}/.well-known/openid-configuration"\n'
        )
        options = ("--reviewer", "Nobody", f"--secrets.files={secrets}")
        with (
            console(kept, tmp_path / "log", port, *options) as site,
            browsing(site.address, provider.url) as page,
        ):
            page.goto(f"{site.address}/trace?id=1")
            door = page.get_by_role("button", name="Log in")
            door.wait_for()
            idle(page)
            assert page.get_by_text("monday").count() == 0  # nothing is shown before the door
            assert page.get_by_text("Nobody").count() == 0
            door.click()
            page.get_by_text("Zoë <b>Ångström</b>").wait_for()
            assert {"/authorize", "/token", "/keys"} <= set(provider.asked)

            page.goto(f"{site.address}/trace?id=1")
            page.get_by_text("Review this image").click()
            page.locator(".bench .stage").wait_for()
            page.keyboard.press("2")
            page.keyboard.press("Enter")
            page.locator(".story .reviewed").wait_for()
            page.get_by_role("button", name="Log out").click()
            door.wait_for()
    with Store.open(kept, create=False) as store:
        (found,) = store.browse.inspections(Filter())
        assert found.row.review is not None
        assert found.row.review.reviewer == "Zoë <b>Ångström</b>"
