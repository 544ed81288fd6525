"""What can go wrong with components and workflows."""

from __future__ import annotations

from include.errors import FinalError


class ComponentError(FinalError, ValueError):
    """A component that cannot be used: badly declared, unknown, or changed after it was registered."""


class StepError(FinalError, RuntimeError):
    """A step whose component broke its contract or cannot work with what it was given; another try would end alike.

    Attributes:
        step: its name in the workflow.
        use: the component.
    """

    def __init__(self, step: str, use: str, problem: str) -> None:
        self.step, self.use = step, use
        super().__init__(f"step {step} ({use}): {problem}")


class StepFailed(RuntimeError):
    """A step that the machine failed, not its component: memory, disk, network; another try may help."""

    def __init__(self, step: str, use: str, problem: str) -> None:
        self.step, self.use = step, use
        super().__init__(f"step {step} ({use}): {problem}")
