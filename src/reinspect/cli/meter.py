"""Wall time and peak memory of a run, category by category."""

import threading
import time
from collections import Counter, defaultdict
from types import TracebackType
from typing import Self

import psutil

from reinspect.vocabulary import Trace

_EVERY = 0.1  # seconds between two looks at the memory


class Meter:
    """Watches a run: it is shown every trace, and samples the memory of the process tree."""

    def __init__(self) -> None:
        self._images: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._peaks: dict[str, float] = {}
        self._peak = 0.0
        self._last = time.perf_counter()
        self._over = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._sampler.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._sampler.join()

    def __call__(self, trace: Trace) -> None:
        name, now = trace.sample.category or "", time.perf_counter()
        self._images[name] += 1
        self._seconds[name] += now - self._last
        self._last = now
        self._peaks[name] = max(self._peaks.get(name, 0.0), self._peak)
        self._peak = 0.0

    @property
    def seconds(self) -> dict[str, float]:
        """Category → wall seconds an image, all workers in use, their start counted in."""
        return {name: self._seconds[name] / count for name, count in self._images.items()}

    @property
    def peak_memory(self) -> dict[str, float]:
        """Category → most memory in MB that this process and its workers held together."""
        return self._peaks

    def _sample(self) -> None:
        process = psutil.Process()
        while not self._over.wait(_EVERY):
            family = [process, *process.children(recursive=True)]
            self._peak = max(self._peak, sum(_resident(member) for member in family))


def _resident(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / 1e6
    except psutil.Error:  # it ended meanwhile
        return 0.0
