"""Draw docs/images/spectrogram.jpg: a recording of a damaged bearing, as a report shows it.

`python docs/draw_spectrogram.py DATA`, where DATA/bearing holds the recordings.
"""

import sys
from pathlib import Path

import cv2

from reinspect.dataset import known_good
from reinspect.export.units import drawn
from reinspect.images import load, reading_of

PICTURE = Path(__file__).parent / "images" / "spectrogram.jpg"


def main(data: Path) -> None:
    """Write the picture, by the scale of the good ones."""
    reading = reading_of(known_good(data / "bearing"))
    part = data / "bearing" / "test" / "outer_race" / "O_1000_1_10.wav"
    loaded = load(part, scale=reading.scale, rules=reading.rules)
    shown = drawn(loaded.pixels, loaded.scale, loaded.spectrogram, 720)
    cv2.imwrite(str(PICTURE), shown, [cv2.IMWRITE_JPEG_QUALITY, 82])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
