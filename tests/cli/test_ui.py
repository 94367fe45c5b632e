import subprocess
import sys
from pathlib import Path

import pytest

from reinspect.cli import main
from reinspect.cli.ui import flags
from reinspect.store import RunInfo, Store
from support.made_traces import corrected


def test_streamlit_stays_at_home_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = flags([])
    assert "--browser.gatherUsageStats=false" in ours
    assert "--server.address=127.0.0.1" in ours
    told = flags(["--server.address=0.0.0.0", "--server.port", "9"])
    assert "--server.address=127.0.0.1" not in told
    assert told[-3:] == ["--server.address=0.0.0.0", "--server.port", "9"]
    monkeypatch.setenv("STREAMLIT_BROWSER_GATHER_USAGE_STATS", "true")
    assert len(flags([])) == len(ours) - 1


@pytest.mark.process
def test_without_streamlit_one_line_says_what_to_install() -> None:
    script = "import sys; sys.modules['streamlit'] = None\n"
    script += "from reinspect.cli import main; main(['ui', '--store', 'none.db'])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "reinspect: the console needs Streamlit: pip install 'reinspect[ui]'"
    ]


@pytest.mark.needs("streamlit")
def test_a_missing_store_is_said_before_a_browser_opens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ui", "--store", str(tmp_path / "none.db")])
    assert ended.value.code == 2
    assert "there is none" in capsys.readouterr().err


@pytest.mark.process
@pytest.mark.needs("streamlit")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["runs"], "'runs' is no option", id="a-folder"),
        pytest.param(["--server.port=9", "x.db"], "'x.db' is no option", id="a-store"),
        pytest.param(["--reviewre", "Ann"], "No such option '--reviewre'", id="misspelled"),
        pytest.param(["--server.port", "many"], "'many' is not a valid integer", id="no-port"),
    ],
)
def test_what_is_no_option_is_refused_in_one_line(
    tmp_path: Path, words: list[str], said: str
) -> None:
    url = tmp_path / "reinspect.db"
    Store.open(url).close()
    command = [sys.executable, "-m", "reinspect", "ui", "--store", str(url), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("reinspect: ")
    assert said in line


@pytest.mark.process
@pytest.mark.needs("streamlit")
def test_a_line_is_commissioned_before_its_first_run(tmp_path: Path) -> None:
    for name in ("photos", "golden"):
        (tmp_path / name).mkdir()
    command = [sys.executable, "-m", "reinspect", "ui", "--commission", "photos"]
    command += ["--references", "golden", "--server.port", "many"]  # refused once all else is well
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert "'many' is not a valid integer" in done.stderr
    assert (tmp_path / "runs" / "reinspect.db").is_file()


def test_a_story_is_written_as_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url, page = str(tmp_path / "reinspect.db"), tmp_path / "new" / "page.html"
    with Store.open(url) as store:
        run = store.begin_run(RunInfo(name="monday"))
        with store.writer(run) as writer:
            writer.write(corrected("a.png"))
    with pytest.raises(SystemExit) as ended:
        main(["show", "monday", "a.png", "--store", url, "--html", str(page)])
    assert ended.value.code == 0
    assert "⟳ Changed" in page.read_text("utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["show", "monday", "--store", url, "--html", str(page)])
    assert ended.value.code == 2
    assert "takes an IMAGE" in capsys.readouterr().err
