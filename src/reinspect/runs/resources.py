"""Peak memory of a run; and with its wall time, category by category."""

import threading
import time
from collections import Counter, defaultdict
from typing import Self

import psutil

from reinspect.trace import Trace


class MemorySampler:
    """Samples how much memory this process and its children hold together, beside the work."""

    def __init__(self, every: float = 1.0) -> None:
        self.peak = 0.0
        """The most that was seen, in MB; who measures parts of a run sets it back to 0."""
        self._every = every
        self._over = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._sampler.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._sampler.join()

    def _sample(self) -> None:
        process = psutil.Process()
        while True:
            family = [process, *process.children(recursive=True)]
            self.peak = max(self.peak, sum(_resident(member) for member in family))
            if self._over.wait(self._every):
                return


class ResourceSampler(MemorySampler):
    """Watches a run: it is shown every trace, and samples the memory of the process tree."""

    def __init__(self) -> None:
        super().__init__(every=0.1)
        self._images: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._peaks: dict[str, float] = {}
        self._last = time.perf_counter()

    def __call__(self, trace: Trace) -> None:
        name, now = trace.sample.category or "", time.perf_counter()
        self._images[name] += 1
        self._seconds[name] += now - self._last
        self._last = now
        self._peaks[name] = max(self._peaks.get(name, 0.0), self.peak)
        self.peak = 0.0

    @property
    def seconds(self) -> dict[str, float]:
        """Category → wall seconds an image, all workers in use, their start counted in."""
        return {name: self._seconds[name] / count for name, count in self._images.items()}

    @property
    def peak_memory(self) -> dict[str, float]:
        """Category → most memory in MB that this process and its workers held together."""
        return self._peaks


def _resident(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / 1e6
    except psutil.Error:  # it ended meanwhile
        return 0.0
