"""What sending spans costs a run: a collector that takes them, beside one that is away.

    python benchmarks/telemetry.py [--traces 2000]

Traces of a second look are handed to the sink of `--otel` as fast as it takes them. `caller` is the
processor time that the run itself spends on a trace, `process` with that of the threads that send
(and, where there is one, of the collector, which is a thread of this process, too).
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from reinspect.export.otlp import Sender
from support.collector import Collector
from support.made_traces import corrected

NOWHERE = "http://127.0.0.1:1"  # refuses connections


def cost(count: int, address: str) -> dict[str, float]:
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = address
    traces = [corrected(f"{number}.png") for number in range(count)]
    with Sender("bench") as sender:
        caller, process = time.thread_time(), time.process_time()
        for trace in traces:
            sender(trace)
        caller, process = time.thread_time() - caller, time.process_time() - process
    return {
        "spans": sender.sent.made,
        "lost": sender.sent.lost,
        "caller, ms a trace": round(1000 * caller / count, 3),
        "process, ms a trace": round(1000 * process / count, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=2000)
    count = parser.parse_args().traces
    with Collector() as collector:
        found = {"taken": cost(count, collector.url), "away": cost(count, NOWHERE)}
    print(json.dumps({**found, "load": psutil.getloadavg()[0]}, indent=2))


if __name__ == "__main__":
    main()
