import subprocess
import sys
from pathlib import Path


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
