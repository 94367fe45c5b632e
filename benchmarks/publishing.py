"""How soon a stored verdict is at a subscriber, and what ten restarts of the broker lose.

Needs the extra `line` and Debian's mosquitto. A writer stores a verdict at a time; the broker is
told to stop, or killed, in turn while it does. Ends with 1 if a goal is missed.
"""

import argparse
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import numpy as np

from reinspect.line.broker import Broker
from reinspect.line.publisher import Publisher
from reinspect.settings import Settings
from reinspect.store import RunInfo, Store
from reinspect.vocabulary import Outcome
from support.made_traces import judged
from support.mosquitto import Mosquitto, Subscriber

GOAL_MS = 20.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verdicts", type=int, default=1000)
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--pause", type=float, default=0.02, help="Seconds between two verdicts.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            Store.open(folder / "reinspect.db") as store,
            Mosquitto(folder / "broker") as broker,
            Subscriber(broker) as subscriber,
        ):
            run = store.begin_run(RunInfo(name="line"))
            where = Broker.of(broker.url, Settings())
            with Publisher(
                where, store, store.run_of(run), link=lambda one: f"trace?id={one.id}", say=print
            ) as publisher:
                stored: dict[str, float] = {}

                def put(names: range) -> None:
                    with store.writer(run, publisher.wake) as writer:
                        for number in names:
                            writer.write(judged(f"{number}.png", 0.9, Outcome.FAIL))
                            writer.flush()
                            stored[f"{number}.png"] = time.time()
                            time.sleep(asked.pause)

                put(range(asked.verdicts))
                subscriber.wait_for(lambda seen: len(seen.once) == asked.verdicts)
                came = {one["part"]: at for name, one, at in subscriber.received if "part" in one}
                # From before its transaction is on disk; and from after.
                late = 1000 * np.array([came[part] - at for part, at in stored.items()])

                total = asked.verdicts + asked.restarts * 100
                writing = threading.Thread(target=put, args=(range(asked.verdicts, total),))
                writing.start()
                for number in range(asked.restarts):
                    time.sleep(100 * asked.pause / 2)
                    broker.stop(signal.SIGKILL if number % 2 else signal.SIGTERM)
                    time.sleep(0.3)
                    broker.start()
                    time.sleep(100 * asked.pause / 2)
                writing.join()
                subscriber.wait_for(lambda seen: max(seen.once) == total)
                time.sleep(1)
        numbers = [one["number"] for one in subscriber.verdicts]
        once = subscriber.once
    lost = total - len(once)
    twice = len(numbers) - len(once)
    print(
        f"{asked.verdicts} verdicts, stored → received: median {np.median(late):.1f} ms, "
        f"99 % {np.quantile(late, 0.99):.1f} ms, longest {late.max():.1f} ms"
    )
    print(
        f"{asked.restarts} restarts over {total - asked.verdicts} verdicts: {lost} lost, "
        f"{twice} more than once, {'in' if once == sorted(once) else 'out of'} order"
    )
    return int(np.quantile(late, 0.99) > GOAL_MS or lost > 0 or once != sorted(once))


if __name__ == "__main__":
    sys.exit(main())
