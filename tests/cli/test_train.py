import json
import subprocess
import sys
from pathlib import Path

import pytest

from reinspect.images import read_image
from reinspect.tools.comparator.network import open_comparator

pytestmark = pytest.mark.process


def test_training_without_torch_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from reinspect.cli import main\n"
        f"main(['train', 'eye', '--out', {str(tmp_path / 'eye.onnx')!r}])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'reinspect[train]'" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.model
@pytest.mark.needs("torch", "onnxscript")
@pytest.mark.slow
def test_one_command_trains_exports_and_draws_and_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "eye.onnx"
    command = [sys.executable, "-m", "reinspect", "train", "eye", "--out", str(out), "--seed", "3"]
    first = subprocess.run(
        [*command, "--steps", "2"], capture_output=True, text=True, check=False, timeout=500
    )
    assert first.returncode == 0, first.stderr
    assert "100%" in first.stdout
    assert not first.stderr
    made = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert (made["seed"], made["steps"], made["real_images"]) == (3, 2, 0)
    assert open_comparator(out).pair == made["pair"]
    assert read_image(tmp_path / "eye-samples.png").shape[1] > 5 * 150
    assert not [
        file for file in tmp_path.glob("*.onnx") if str(tmp_path).encode() in file.read_bytes()
    ]

    other = subprocess.run(
        [*command[:-1], "4", "--steps", "3"], capture_output=True, text=True, check=False
    )
    assert other.returncode == 2
    assert "its seed is 3, not 4" in other.stderr
