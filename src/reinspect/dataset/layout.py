"""How a data set is laid out in folders.

A *category* is a folder laid out as MVTec AD lays out its own:

    <category>/train/good/*            known-good images: the references
    <category>/test/good/*             good images to inspect
    <category>/test/<defect>/*         defective images to inspect
    <category>/ground_truth/<defect>/<stem>_mask.png
    <category>/boxes.json              {"test/<defect>/<file>": [{"box": [x1, y1, x2, y2],
                                       "type": …}, …]} in pixels of the upright image

A folder is taken for one if it has `test/` with folders in it, and beside it or in it one of
`train/good`, `ground_truth`, `boxes.json` and `test/good`. Categories may stand at any depth.
"""

import os


def is_category(folder: str) -> bool:
    # os.path answers False where a folder is closed to us; pathlib would raise.
    marks = ("train/good", "ground_truth", "test/good", "boxes.json")
    test = os.path.join(folder, "test")  # noqa: PTH118
    if not os.path.isdir(test) or not any(os.path.exists(f"{folder}/{mark}") for mark in marks):  # noqa: PTH110, PTH112
        return False
    try:
        with os.scandir(test) as entries:
            return any(entry.is_dir() for entry in entries)
    except OSError:
        return False
