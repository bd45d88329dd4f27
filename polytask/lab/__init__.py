"""The laboratory: tables in, studies run, what they measured shown."""

from typing import TYPE_CHECKING

from polytask._lazy import loaded_when_used

if TYPE_CHECKING:
    from polytask.lab import metrics as metrics
    from polytask.lab import reports as reports
    from polytask.lab import studies as studies
    from polytask.lab import tables as tables

__getattr__, __dir__ = loaded_when_used(
    __name__, ["metrics", "reports", "studies", "tables"]
)
