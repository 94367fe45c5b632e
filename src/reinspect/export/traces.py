"""Whole traces as Parquet, for data lakes."""

import itertools
from pathlib import Path

from reinspect.export.tables import ExportError
from reinspect.files import whole_file
from reinspect.readings import Readings
from reinspect.store import Store
from reinspect.trace import Trace

TRACES = "traces.parquet"

_ROW_GROUP = 1_000  # traces in memory at a time

_FILTERS = (
    "image",
    "sha256",
    "category",
    "label",
    "probability",
    "reliability",
    "disposition",
    "error",
)
"""Columns beside the trace."""


def write_traces(store: Store, run_id: int, out: Path) -> None:
    """Write a run's traces, one row an image, in natural order.

    Columns to filter by (`image`, `sha256`, `category`, `label`, `probability`, `reliability`,
    `disposition`, `error`), and `trace`, whole, as JSON: `Trace.model_validate_json` reads it.

    Raises:
        ExportError: pyarrow is not installed.
        WriteError: the file can't be written.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise ExportError("Parquet needs pyarrow: pip install 'reinspect[parquet]'") from error
    words, numbers = pa.string(), dict.fromkeys(("probability", "reliability"), pa.float64())
    schema = pa.schema({name: numbers.get(name, words) for name in (*_FILTERS, "trace")})
    traces = store.traces(run_id)
    with whole_file(out) as file, parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while rows := [_row(trace) for trace in itertools.islice(traces, _ROW_GROUP)]:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _row(trace: Trace) -> dict[str, object]:
    read = Readings.of(trace).columns
    return {**{name: read[name] for name in _FILTERS}, "trace": trace.model_dump_json()}
