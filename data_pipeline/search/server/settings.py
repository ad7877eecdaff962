"""What the user decides about a server."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from data_pipeline.search.server.archive import SizeLimits
from data_pipeline.search.server.http import check_contact, check_url

Mode = Literal["env", "all", "env-nofilter", "nofilter"]
PairMode = Literal["pairgreedy", "paircomplete", "pairgreedy-env", "paircomplete-env"]
DEFAULT_URL = "https://api.colabfold.com"


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerSettings:
    """What the user decides.

    Raises:
        InputError: an unusable address or contact.
    """

    contact: str  # e-mail or web address, sent as part of User-Agent
    url: str = DEFAULT_URL
    mode: Mode = "env"  # env: also environmental sequences; nofilter: all rows
    deadline: float = 4 * 3600.0  # s for a whole ticket, waits included
    ticket_folder: Path | None = None  # None: a run that stops early starts again
    limits: SizeLimits = field(default_factory=SizeLimits)

    def __post_init__(self) -> None:
        """Check what goes into requests."""
        check_url(self.url)
        check_contact(self.contact)
