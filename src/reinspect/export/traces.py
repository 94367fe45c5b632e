"""Whole traces as Parquet: for data lakes, where a run of many machines goes on."""

import itertools
from pathlib import Path

from reinspect.export.tables import ExportError
from reinspect.files import whole_file
from reinspect.store import Row, Store
from reinspect.vocabulary import Trace

TRACES = "traces.parquet"

_ROW_GROUP = 1_000  # traces in memory at a time


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
    words, number = pa.string(), pa.float64()
    schema = pa.schema(
        {
            "image": words,
            "sha256": words,
            "category": words,
            "label": words,
            "probability": number,
            "reliability": number,
            "disposition": words,
            "error": words,
            "trace": words,
        }
    )
    traces = store.traces(run_id)
    with whole_file(out) as file, parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while rows := [_row(trace) for trace in itertools.islice(traces, _ROW_GROUP)]:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _row(trace: Trace) -> dict[str, object]:
    row = Row.of(trace)
    return {
        "image": row.image,
        "sha256": row.sha256,
        "category": row.category,
        "label": row.verdict.label.value if row.verdict else None,
        "probability": row.verdict.probability if row.verdict else None,
        "reliability": row.reliability,
        "disposition": row.disposition.value,
        "error": row.error,
        "trace": trace.model_dump_json(),
    }
