"""Where things are that tests read."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = Path(os.environ.get("REINSPECT_PARTS", REPOSITORY.parent / "shared" / "data"))
"""Real parts, which are not in the repository."""
