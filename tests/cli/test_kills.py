"""A run that is killed again and again: each image has one row in the end, and the right one."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command_line import invoke, names, put_greys, put_recipe, rows, said
from support.kill_trials import KillTrial
from support.killing import PACE, Killed, assert_whole, put_many
from support.mosquitto import NoMosquittoError
from support.postgres import Server
from support.postgres import running as serving
from support.processes import PATIENCE, family, running, wait_for_rows
from support.requirements import unavailable

pytestmark = pytest.mark.process

IMAGES = 2000
ANYWHERE, AT_WORK, AT_THE_END = 10, 10, 5
STOPS = 8  # of the server


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two thousand files of forty contents, in folders."""
    return put_many(tmp_path_factory.mktemp("many"), IMAGES)


@pytest.fixture(scope="module")
def recipe(many: Path) -> Path:
    return put_recipe(many / "slow.yaml", seconds=PACE)


@pytest.fixture(scope="module")
def slower(many: Path) -> Path:
    """For one tray alone, whose end must not come before what happens to the run."""
    return put_recipe(many / "slower.yaml", seconds=3 * PACE)


@pytest.fixture(scope="module")
def right(many: Path, recipe: Path) -> Path:
    """The folder of a run over the same contents that nothing happened to."""
    out, store = many / "right", many / "right.db"
    run = ("run", many / "distinct", "--recipe", recipe, "--out", out, "--store", store)
    assert invoke(*run).code == 0
    return out


@pytest.fixture
def frail(postgres: Server) -> Iterator[Server]:
    """A server of this test's own, to stop and start."""
    with serving() as server:
        yield server


@pytest.mark.slow
def test_killed_25_times_each_image_has_one_row_and_the_right_one(
    many: Path, recipe: Path, right: Path
) -> None:
    rng = random.Random(25)
    out, store = many / "out", many / "reinspect.db"
    run = (many / "parts", "--references", many / "known", "--recipe", recipe, "--out", out)
    moments = [Killed.anywhere] * ANYWHERE + [Killed.at_work] * AT_WORK
    rng.shuffle(moments)
    for kill, wait in enumerate([*moments, *[Killed.at_the_end] * AT_THE_END]):
        again = ["--resume"] if (out / "recipe.yaml").exists() else []
        workers = 1 + (kill % 3 == 0)
        with running("run", *run, "--store", store, "--workers", workers, *again) as process:
            killed = Killed(process, store, rng)
            wait(killed)
            killed.kill()
    assert not (out / "counters.json").exists()
    assert invoke("run", *run, "--store", store, "--resume").code == 0
    assert_whole(out, store, many / "parts", right)


@pytest.mark.slow
def test_postgresql_stops_and_starts_again_and_again(
    many: Path, recipe: Path, right: Path, frail: Server, tmp_path: Path
) -> None:
    """It crashes, for moments or for good, while the run works, is killed, or starts."""
    rng = random.Random(8)
    out, store = tmp_path / "out", frail.new()
    run = (many / "parts", "--references", many / "known", "--recipe", recipe, "--out", out)
    for stop in range(STOPS):
        again = ["--resume"] if (out / "recipe.yaml").exists() else []
        with running("run", *run, "--store", store, *again) as process:
            killed = Killed(process, store, rng)
            killed.anywhere() if stop % 4 == 3 else killed.at_work()
            frail.stop("immediate")
            time.sleep(rng.uniform(0, 1.5))
            if stop % 2:  # and the run is killed while it waits, or has ended with one line
                killed.ended or killed.kill()
            frail.start()
            if stop % 2 == 0:  # and the run goes on
                killed.at_work()
                killed.ended or killed.kill()
    assert invoke("run", *run, "--store", store, "--resume").code == 0
    assert_whole(out, store, many / "parts", right)


@pytest.mark.slow
def test_a_run_outlives_servers_that_come_back(
    many: Path, slower: Path, right: Path, frail: Server, tmp_path: Path
) -> None:
    """Nothing but the server is stopped, in whatever way: the run waits, and ends well."""
    out, store, parts = tmp_path / "out", frail.new(), many / "parts" / "tray0"
    rng = random.Random(3)
    with running("run", parts, "--recipe", slower, "--out", out, "--store", store) as process:
        killed = Killed(process, store, rng)
        for how in ("fast", "immediate"):
            killed.at_work()
            frail.stop(how)
            time.sleep(1)
            frail.start()
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert_whole(out, store, parts, right)


@pytest.mark.slow
def test_a_server_that_stays_away_ends_the_run_with_one_line(
    many: Path, slower: Path, right: Path, frail: Server, tmp_path: Path
) -> None:
    out, store, parts = tmp_path / "out", frail.new(), many / "parts" / "tray1"
    run = ("run", parts, "--recipe", slower, "--out", out, "--store", store)
    with running(*run) as process:
        Killed(process, store, random.Random(1)).at_work()
        frail.stop()
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    (line,) = err.splitlines()
    assert line.startswith("reinspect: store postgresql://")
    assert "check that the server runs" in line
    assert "check that the server runs" in said(invoke(*run, "--resume"))
    frail.start()
    assert invoke(*run, "--resume").code == 0
    assert_whole(out, store, parts, right)


@pytest.mark.slow
def test_a_killed_worker_costs_no_image(many: Path, slower: Path) -> None:
    out = many / "worker"
    run = ("run", many / "parts" / "tray0", "--recipe", slower, "--out", out)
    with running(*run, "--store", many / "worker.db", "--workers", 2) as process:
        wait_for_rows(many / "worker.db", 10)
        worker = next(p for p in family(process) if "spawn_main" in " ".join(p.cmdline()))
        worker.kill()
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert len(names(out)) == len(set(names(out))) == len(list((many / "parts/tray0").iterdir()))
    assert not any(row["error"] for row in rows(out))


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.database
@pytest.mark.needs("paho", "psycopg")
@pytest.mark.parametrize("what", ["run", "api", "broker", "database"])
def test_the_toll_of_kills_is_nothing(what: str, postgres: Server, tmp_path: Path) -> None:
    """What `benchmarks/kills.py` does fifteen times each, three times."""
    pictures = sorted(put_greys(tmp_path / "pictures", 10).iterdir())
    known, recipe = put_greys(tmp_path / "known", 3), put_recipe(tmp_path / "q.yaml", seconds=PACE)
    (tmp_path / "work").mkdir()
    try:
        trial = KillTrial(
            tmp_path / "work", pictures, known, copies=20, recipe=recipe, seed=3, longest=3.0
        )
        toll = getattr(trial, f"of_{what}")(3)
    except NoMosquittoError as why:
        unavailable("mosquitto", str(why))
    assert toll.kills == 3
    assert toll.parts > 0
    assert toll.clean, toll
