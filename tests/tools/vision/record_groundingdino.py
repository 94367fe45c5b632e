"""Writes groundingdino.json: what groundingdino-py finds with a release that needs no shim.

In an environment with transformers 4.57 and numpy, torch and groundingdino-py as in the extra:
`PYTHONPATH=src:tests python tests/tools/vision/record_groundingdino.py`.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import transformers

from reinspect.tools.vision.bert import mend_bert
from reinspect.tools.vision.grounding_dino import GroundingDino
from support.tiny_grounding import write_tiny_groundingdino

if __name__ == "__main__":
    if mend_bert():
        sys.exit(f"transformers {transformers.__version__} needs the shim: record with 4.57")
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        tiny = write_tiny_groundingdino(folder)
        finder = GroundingDino(*(tiny.weights, tiny.config, tiny.text_encoder), side=96)
        answers = finder(image, (("scratch", "deep dent"), ("zebra",)), least=0.0)
    rows = [[[round(v, 6) for v in (*one.corners, one.score)] for one in a] for a in answers]
    content = {"transformers": transformers.__version__, "answers": rows}
    Path(__file__).with_name("groundingdino.json").write_text(json.dumps(content) + "\n", "utf-8")
