"""What a search for templates gives: hits on chains of known structure, and how they were found."""

from dataclasses import dataclass

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.hhr import TemplateHit
from data_pipeline.search.base import SearchRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class StructureHits:
    """Hits best first, as the program ranks them."""

    hits: tuple[TemplateHit, ...]
    e_values: tuple[float, ...]  # one a hit
    text: str  # the program's own output, to be kept: hhr or Stockholm
    record: SearchRecord

    def __post_init__(self) -> None:
        """Refuse lists of different length.

        Raises:
            InputError: as many hits as E-values are not there.
        """
        if len(self.hits) != len(self.e_values):
            raise InputError(f"{len(self.hits)} E-values", str(len(self.e_values)), "report this")
