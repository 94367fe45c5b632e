"""Watches an RCRL run for the ways in which a critic's training goes wrong.

"Always revise" and "never revise" are the two collapses of a trained critic: the reward may look
fine, and the second look is worth nothing. The third is a reward that falls.
"""

from collections import deque
from typing import NamedTuple

from reinspect.training.vlm.tuning import GuardSettings


class TrainingPoint(NamedTuple):
    """What some steps of a training came to; counts and sums are of one step, on average."""

    step: int
    reward: float
    """Mean of the answers."""
    reflective: float = 0.0
    """Reflective answers."""
    revised: float = 0.0
    """Of these: with another label than the first answer's."""
    first_wrong: float = 0.0
    """Of these: where the first answer was wrong."""


class CollapseGuard:
    """Judges each point by the last `window` steps.

    Args:
        guard: the limits.
    """

    def __init__(self, guard: GuardSettings) -> None:
        self._guard = guard
        self._points: deque[TrainingPoint] = deque()
        self._best, self._best_at = float("-inf"), 0

    def __call__(self, point: TrainingPoint) -> str | None:
        """Why the training must stop; none while it may go on."""
        guard, points = self._guard, self._points
        points.append(point)
        while points[0].step <= point.step - guard.window:
            points.popleft()
        reward = sum(t.reward for t in points) / len(points)
        whole = point.step >= guard.window
        if whole and reward > self._best:
            self._best, self._best_at = reward, point.step
        if point.step < guard.after or not whole:
            return None
        if reward < self._best - guard.fall:
            return (
                f"reward collapse: mean reward {reward:.2f} over the last {guard.window} steps, "
                f"down from {self._best:.2f} at step {self._best_at}; lower the learning rate or "
                "raise the KL, and go on from a checkpoint before that"
            )
        return self._revising(point.step)

    def _revising(self, step: int) -> str | None:
        guard, points = self._guard, self._points
        # Points are as far apart as steps are logged, and count a step each.
        every = max(1, (step - points[0].step) // max(1, len(points) - 1))
        answers = sum(t.reflective for t in points)
        if answers * every < guard.least:
            return None
        revised = sum(t.revised for t in points) / answers
        wrong = sum(t.first_wrong for t in points) / answers
        said = f"{revised:.0%} of the first answers were revised over the last {guard.window} steps"
        if revised >= guard.always and 1 - wrong >= guard.some:
            return (
                f"always revise: {said}, although {1 - wrong:.0%} of them were right; raise the "
                "KL, or give it more episodes whose first answer is right"
            )
        if revised <= guard.never and wrong >= guard.some:
            return (
                f"never revise: {said}, although {wrong:.0%} of them were wrong; raise the "
                "temperature, or give it more episodes whose first answer is wrong"
            )
        return None
