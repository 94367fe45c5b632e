"""Scripted members and a scripted model server, for tests, examples and benchmarks."""

from reinspect.testing.members import (
    Failing,
    ScriptedDetector,
    ScriptedEstimator,
    ScriptedMonitor,
    ScriptedPolicy,
    ScriptedTool,
)
from reinspect.testing.server import Asked, Reply, ScriptedServer

__all__ = [
    "Asked",
    "Failing",
    "Reply",
    "ScriptedDetector",
    "ScriptedEstimator",
    "ScriptedMonitor",
    "ScriptedPolicy",
    "ScriptedServer",
    "ScriptedTool",
]
