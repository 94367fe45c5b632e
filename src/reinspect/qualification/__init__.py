"""What an inspection can find on a product, said before its first part is judged."""

from reinspect.qualification.detection import (
    DamageOrigin,
    Detection,
    DetectionLimits,
    FalseCalls,
    Trial,
    extent_of,
    measure_detection,
)
from reinspect.qualification.findings import Findings, read_findings
from reinspect.qualification.page import page, write_page
from reinspect.qualification.plot import pod_plot

__all__ = [
    "DamageOrigin",
    "Detection",
    "DetectionLimits",
    "FalseCalls",
    "Findings",
    "Trial",
    "extent_of",
    "measure_detection",
    "page",
    "pod_plot",
    "read_findings",
    "write_page",
]
