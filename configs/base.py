"""What all settings have in common."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Settings never change once read, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
