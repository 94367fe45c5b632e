"""A user's own members, importable in worker processes, too."""

import multiprocessing
import os
import time
from pathlib import Path

from reinspect.images import read_view
from reinspect.vocabulary import Sample, Verdict


class Brightness:
    """P(anomalous) is the picture's mean grey: what it says depends on the pixels alone."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds

    def __call__(self, sample: Sample) -> Verdict:
        time.sleep(self._seconds)
        return Verdict.of(float(read_view(sample.visual).mean()) / 255)


class Fragile(Brightness):
    """Takes its process down on a black picture, as a native library may."""

    def __call__(self, sample: Sample) -> Verdict:
        if not read_view(sample.visual).any():
            os._exit(17)
        return super().__call__(sample)


class Hanging(Brightness):
    """Does not come back from a black picture: never, or while there is a file `mood`."""

    def __init__(self, mood: str = "/") -> None:
        super().__init__()
        self._mood = Path(mood)

    def __call__(self, sample: Sample) -> Verdict:
        while not read_view(sample.visual).any() and self._mood.exists():
            time.sleep(0.1)
        return super().__call__(sample)


class Unhurried(Brightness):
    """Takes `seconds` for a picture while there is a file `mood`, and no time afterwards."""

    def __init__(self, mood: str, seconds: float) -> None:
        super().__init__()
        self._mood, self._pace = Path(mood), seconds

    def __call__(self, sample: Sample) -> Verdict:
        time.sleep(self._pace if self._mood.exists() else 0)
        return super().__call__(sample)


class Moody(Brightness):
    """Fails while there is a file `mood`."""

    def __init__(self, mood: str) -> None:
        super().__init__()
        self._mood = Path(mood)

    def __call__(self, sample: Sample) -> Verdict:
        if self._mood.exists():
            raise RuntimeError("not today")
        return super().__call__(sample)


class Stillborn(Brightness):
    """Can be made in the main process alone."""

    def __init__(self) -> None:
        if multiprocessing.parent_process() is not None:
            os._exit(3)
        super().__init__()


class Slower(Brightness):
    """The brighter the picture, the longer it takes: later ones finish first."""

    def __call__(self, sample: Sample) -> Verdict:
        verdict = super().__call__(sample)
        time.sleep(0.2 * verdict.probability)
        return verdict


def babbling(sample: Sample) -> object:
    return f"{sample.id} looks fine to me"
