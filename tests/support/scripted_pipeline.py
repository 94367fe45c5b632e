"""A pipeline of scripted members, any of which a test replaces by its own."""

import dataclasses
from typing import Any

from reinspect.agents.monitor import RAMonitor
from reinspect.components import Stage
from reinspect.graph.pipeline import Pipeline, Placed
from reinspect.policies.disposition import Thresholds
from reinspect.policies.revision import Agreement
from reinspect.testing import ScriptedDetector, ScriptedEstimator, ScriptedPolicy, ScriptedTool
from reinspect.vocabulary import Move

LOCATOR = Placed("locator", Stage.LOCATE, ScriptedTool(0.9, source="locator"))


def pipeline(**parts: Any) -> Pipeline:
    """It accepts a first look of .4, unless it is told otherwise."""
    monitor = RAMonitor(ScriptedEstimator(0.9))
    usual = Pipeline(
        detector=ScriptedDetector(default=0.4),
        monitor=monitor,
        reviser=monitor.revise,
        explainer=monitor.explain,
        tools=(LOCATOR, Placed("examiner", Stage.EXAMINE, ScriptedTool(0.9))),
        trigger=ScriptedPolicy(Move.ACCEPT),
        trigger_name="scripted",
        revision=Agreement(),
        settler=Thresholds(reliability=0.6),
        rounds=1,
    )
    return dataclasses.replace(usual, **parts)
