"""A motor with a picture and a recording: two sensors, one verdict.

`python examples/motor.py FOLDER` draws good motors and three more, and inspects these: one is as it
should be, one lacks a piece, which only the camera sees, one has a fault that is only heard.

In a recipe each sensor is a view, told by its files, with references and a scale of its own:

    views:
      picture: "*.jpg"
      sound: "*.wav"
"""

import sys
from pathlib import Path

import numpy as np

from reinspect import Inspector, Trace, parse_recipe
from reinspect.pictures import write_image
from reinspect.samples import Motor, Process, write_recording

RECIPE = """
views:
  picture: "*.jpg"
  sound: "*.wav"
"""

REFERENCES = 8


def draw(folder: Path) -> dict[str, dict[str, Path]]:
    """Write known-good motors into `good/`, and three to inspect: name → view → file."""
    rng = np.random.default_rng(5)
    housing, motor = Process.draw(rng, "flange"), Motor.draw(rng)
    for number in range(REFERENCES):
        write_image(folder / "good" / f"{number}.jpg", housing.picture(rng, 320))
        write_recording(folder / "good" / f"{number}.wav", motor.recording(rng))
    pictures = {
        "sound": housing.picture(rng, 320),
        "broken": housing.defective(rng, 320, kind="missing").image,
        "rattling": housing.picture(rng, 320),
    }
    recordings = {
        "sound": motor.recording(rng),
        "broken": motor.recording(rng),
        "rattling": motor.faulty(rng, "knocking"),
    }
    parts = {}
    for name, picture in pictures.items():
        parts[name] = {"picture": folder / f"{name}.jpg", "sound": folder / f"{name}.wav"}
        write_image(parts[name]["picture"], picture)
        write_recording(parts[name]["sound"], recordings[name])
    return parts


def inspect(folder: Path) -> dict[str, Trace]:
    """Draw motors, and inspect those that are not known to be good: name → trace."""
    parts = draw(folder)
    with Inspector(parse_recipe(RECIPE), references=folder / "good") as inspector:
        return {name: inspector.one(views=files) for name, files in parts.items()}


if __name__ == "__main__":
    for name, trace in inspect(Path(sys.argv[1])).items():
        print(name, trace.disposition)
        for view, own in trace.by_view.items():
            print(f"  {view}: {own.verdict.rationale if own.verdict else own.error}")
