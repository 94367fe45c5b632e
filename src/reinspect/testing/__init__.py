"""Stand-ins for tests, examples or benchmarks: scripted members, a scripted model server."""

from reinspect.testing.members import (
    Failing,
    ScriptedDetector,
    ScriptedEstimator,
    ScriptedMonitor,
    ScriptedPolicy,
    ScriptedTool,
)
from reinspect.testing.server import ReceivedRequest, Reply, ScriptedServer

__all__ = [
    "Failing",
    "ReceivedRequest",
    "Reply",
    "ScriptedDetector",
    "ScriptedEstimator",
    "ScriptedMonitor",
    "ScriptedPolicy",
    "ScriptedServer",
    "ScriptedTool",
]
