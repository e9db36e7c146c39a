"""Which task examples, a model or an evaluation belong to, as files hold it; what it means, `earthline.task` knows."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class TaskRecord(BaseModel):
    """What is learned, and what a model gives for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Name of the task, a key of earthline.task.TASKS.")
    output: str = Field(description="Name of a model's one output, a float32 tensor.")
    entries: tuple[str, ...] = Field(min_length=1, description="Names along the output's last axis.")
    kind: str = Field(description="What the entries are, as a plural, for messages.")
    options: dict[str, Any] = Field(default={}, description="What the task needs besides, by its own names.")

    @property
    def told(self) -> str:
        """The task in a few words, for messages that compare two of them."""
        options = "".join(f", {name} {value}" for name, value in self.options.items())
        return f"the {self.kind} {', '.join(self.entries)}{options}"
