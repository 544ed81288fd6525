"""The section ``control`` of a project.yaml: what a transition of a decision process is, and where policies are tried."""

from __future__ import annotations

from pydantic import Field, model_validator

from include.projects.content import Content, TableContent
from include.projects.parts import Part
from include.projects.wording import no_column


class Control(Part):
    """Columns of logged transitions, and the simulator that a policy is measured in."""

    state: list[str] = Field(min_length=1, description="Columns of numbers that describe the state before the action.")
    action: str = Field(description="Column of whole numbers: the action that was taken, counted from 0.")
    actions: list[str] = Field(min_length=2, max_length=1000, description="Names of the actions, in the order of their numbers.")
    reward: str = Field(description="Column of numbers: what the action brought.")
    next_state: list[str] = Field(min_length=1, description="Columns of the state afterwards, in the order of state.")
    done: str = Field(description="Boolean column: the episode ended there, and nothing more can be won.")
    episode: str = Field(description="Column that tells which episode a transition is of.")
    simulator: str = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="module:function without arguments; gives an environment as gymnasium has them, with the same state.",
    )
    discount: float = Field(0.99, gt=0, lt=1, description="What a reward one step later is worth.")
    episodes: int = Field(40, ge=2, le=10_000, description="Seeded episodes of an evaluation.")
    max_steps: int = Field(500, ge=1, le=100_000, description="Steps after which an episode is cut off.")

    @model_validator(mode="after")
    def _fits(self) -> Control:
        if len(self.state) != len(self.next_state):
            raise ValueError(f"state has {len(self.state)} columns and next_state {len(self.next_state)}: one for each is wanted")
        if len(set(self.actions)) != len(self.actions):
            raise ValueError("actions names one twice")
        return self


def control_problems(control: Control, content: Content) -> list[str]:
    """Return what of the section does not fit the rows of the table, each with its place under ``control``."""
    columns = content.columns if isinstance(content, TableContent) else {}
    asked: dict[str, tuple[str, ...]] = {
        name: ("number", "integer") for name in (*control.state, *control.next_state, control.reward)
    }
    asked |= {control.action: ("integer",), control.done: ("boolean",), control.episode: ("text", "category", "integer")}
    found = []
    for name, types in asked.items():
        if name not in columns:
            found.append(no_column(name, list(columns)))
        elif columns[name].type not in types:
            found.append(f"the column {name} is of type {columns[name].type}; wanted {' or '.join(types)}")
    return found
