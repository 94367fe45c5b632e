"""Draw docs/images/spectrogram.jpg and thermal.jpg, as a report shows them.

`python docs/draw_sensors.py DATA`: DATA/bearing holds recordings of bearings; the thermal picture
is of a drawn part with a hot spot.
"""

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from reinspect.dataset import known_good
from reinspect.export.units import drawn
from reinspect.images import load, reading_of
from reinspect.samples import Process
from reinspect.samples.thermal import GAIN, OFFSET, thermal_picture
from reinspect.sensing import FileRules, Measure, Unit

IMAGES = Path(__file__).parent / "images"


def main(data: Path) -> None:
    """Write both."""
    part = data / "bearing" / "test" / "outer_race" / "O_1000_1_10.wav"
    _write("spectrogram", part, known_good(data / "bearing"), FileRules())
    rules = FileRules(measure=Measure(unit=Unit.CELSIUS, gain=GAIN, offset=OFFSET))
    rng = np.random.default_rng(3)
    process = Process.draw(rng, "flange")
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{number}.png") for number in range(5)]
        for file in files:
            hot = file is files[-1]
            cv2.imwrite(str(file), thermal_picture(process, rng, 384, hot=hot).stored)
        _write("thermal", files[-1], files[:-1], rules)


def _write(name: str, part: Path, good: list[Path], rules: FileRules) -> None:
    """A part, by the scale of the good ones."""
    reading = reading_of(good, rules=rules)
    loaded = load(part, scale=reading.scale, rules=reading.rules)
    shown = drawn(loaded.pixels, loaded.scale, loaded.spectrogram, 720)
    cv2.imwrite(str(IMAGES / f"{name}.jpg"), shown, [cv2.IMWRITE_JPEG_QUALITY, 82])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
