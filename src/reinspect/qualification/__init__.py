"""What an inspection can find on a product, said before its first part is judged."""

from reinspect.qualification.detection import (
    DamageOrigin,
    Detection,
    DetectionLimits,
    FalseCalls,
    PicturesFound,
    Trial,
    extent_of,
    measure_detection,
)
from reinspect.qualification.findings import Findings, read_findings
from reinspect.qualification.keeping import Qualification
from reinspect.qualification.page import answer, page, write_page
from reinspect.qualification.plot import pod_plot
from reinspect.qualification.qualifying import Qualified, qualify

__all__ = [
    "DamageOrigin",
    "Detection",
    "DetectionLimits",
    "FalseCalls",
    "Findings",
    "PicturesFound",
    "Qualification",
    "Qualified",
    "Trial",
    "answer",
    "extent_of",
    "measure_detection",
    "page",
    "pod_plot",
    "qualify",
    "read_findings",
    "write_page",
]
