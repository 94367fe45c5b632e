"""How good embedded outlines are where the boxes are the true ones: mean IoU with true masks.

python benchmarks/masks.py DATA [CATEGORY ...]
"""

import sys
from pathlib import Path

import numpy as np

from reinspect.images import boxes_from_mask, read_image, read_mask, to_pixels
from reinspect.metrics import mask_iou
from reinspect.tools.embedded.masks import outline


def main(root: Path, categories: list[str]) -> None:
    for category in categories or sorted(f.parent.name for f in root.glob("*/ground_truth")):
        outlined, boxed = [], []
        for file in sorted((root / category / "ground_truth").glob("*/*_mask.png")):
            truth = read_mask(file)
            if not truth.any():
                continue
            name = file.name.removesuffix("_mask.png")
            part = next((root / category / "test" / file.parent.name).glob(f"{name}.*"))
            image, height, width = read_image(part), *truth.shape
            found, whole = np.zeros_like(truth), np.zeros_like(truth)
            for box in boxes_from_mask(truth):
                x1, y1, x2, y2 = corners = to_pixels(box, width, height)
                found |= outline(image, corners)
                whole[y1:y2, x1:x2] = True
            outlined.append((found, truth))
            boxed.append((whole, truth))
        print(
            f"{category}: {len(outlined)} pictures, outlines {mask_iou(outlined):.3f}, "
            f"the boxes themselves {mask_iou(boxed):.3f}"
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]), sys.argv[2:])
    else:
        print("python benchmarks/masks.py DATA: it takes real parts with masks")
