"""Figures of an inspection: arrays in, numbers out, counted the same way everywhere.

The bench, the monitor's report, the training and the console count with these functions alone, so
that two people get the same number. The conventions all of them share:

- `probability`: shape (n,), calibrated P(anomalous) in [0, 1]; the label is forced: anomalous if,
  and only if, it is ≥ 0.5;
- `truth`: shape (n,), true = anomalous;
- a metric that the data cannot give (a class is absent, nothing is there) is None, never NaN;
- wrong shapes, NaN and values out of range raise a ValueError that shows the value.
"""

from reinspect.metrics.agreement import (
    cohen_interval,
    cohen_kappa,
    fleiss_interval,
    fleiss_kappa,
)
from reinspect.metrics.calibration import (
    Bin,
    accuracy_at_coverage,
    aurc,
    bins_of,
    confidence,
    ece,
    ece_of,
    reliability_diagram,
    right,
    risk_coverage,
)
from reinspect.metrics.detection import (
    accuracy,
    auroc,
    balanced_accuracy,
    escape_rate,
    overkill_rate,
    review_rate,
)
from reinspect.metrics.intervals import (
    Interval,
    bootstrap,
    clopper_pearson,
    control_limits,
    lower_bound,
    paired_difference,
    upper_bound,
    upper_bounds,
    wilson,
)
from reinspect.metrics.ledger import Directions, Ledger, LedgerCounts
from reinspect.metrics.localisation import (
    Matches,
    f1_loc,
    f1_type,
    giou,
    iou,
    mask_iou,
    match,
    match_types,
    pixel_auroc,
    type_similarity,
)
from reinspect.metrics.thresholds import fit_threshold, leave_one_group_out, shift

__all__ = [
    "Bin",
    "Directions",
    "Interval",
    "Ledger",
    "LedgerCounts",
    "Matches",
    "accuracy",
    "accuracy_at_coverage",
    "aurc",
    "auroc",
    "balanced_accuracy",
    "bins_of",
    "bootstrap",
    "clopper_pearson",
    "cohen_interval",
    "cohen_kappa",
    "confidence",
    "control_limits",
    "ece",
    "ece_of",
    "escape_rate",
    "f1_loc",
    "f1_type",
    "fit_threshold",
    "fleiss_interval",
    "fleiss_kappa",
    "giou",
    "iou",
    "leave_one_group_out",
    "lower_bound",
    "mask_iou",
    "match",
    "match_types",
    "overkill_rate",
    "paired_difference",
    "pixel_auroc",
    "reliability_diagram",
    "review_rate",
    "right",
    "risk_coverage",
    "shift",
    "type_similarity",
    "upper_bound",
    "upper_bounds",
    "wilson",
]
