"""A run as files: rows, COCO, Label Studio, a report to look at."""

from reinspect.export.failures import FAILURES, causes
from reinspect.export.formats import Format, export, write_run_folder
from reinspect.export.report import write_report
from reinspect.export.tables import ExportError
from reinspect.export.traces import TRACES, write_traces

__all__ = [
    "FAILURES",
    "TRACES",
    "ExportError",
    "Format",
    "causes",
    "export",
    "write_report",
    "write_run_folder",
    "write_traces",
]
