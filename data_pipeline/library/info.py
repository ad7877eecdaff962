"""What a library holds, for people and programs."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from data_pipeline.library.library import Library


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryInfo:
    """Counts of one library."""

    name: str
    version: str
    num_chains: int
    num_residues: int
    num_raw_chains: int  # stored as coordinates, because of breaks or unusual geometry
    num_undated_chains: int
    first_date: date | None  # earliest release
    last_date: date | None
    num_sequences: int  # chains included
    has_profiles: bool
    num_bytes: int

    def to_json_dict(self) -> dict[str, Any]:
        """The counts as JSON can hold them; dates as YYYY-MM-DD."""
        days = {name: day.isoformat() if day else None for name, day in self._days().items()}
        return asdict(self) | days

    def rows(self) -> tuple[tuple[str, str], ...]:
        """Label and text of each line of a table."""
        undated = f"{self.num_undated_chains} chains without a date" if self.num_undated_chains else ""
        span = f"{self.first_date} to {self.last_date}" if self.first_date else ""
        return (
            ("library", self.name),
            ("version", self.version),
            (
                "chains",
                f"{self.num_chains} ({self.num_residues} residues, {self.num_raw_chains} chains stored uncoded)",
            ),
            ("release dates", "; ".join(filter(None, (span, undated))) or "no chains"),
            ("profiles", "yes" if self.has_profiles else "no"),
            ("sequences", f"{self.num_sequences} (chains included)"),
            ("size", f"{self.num_bytes / 1e6:.1f} MB"),
        )

    def _days(self) -> dict[str, date | None]:
        return {"first_date": self.first_date, "last_date": self.last_date}


def library_info(library: Library) -> LibraryInfo:
    """Verify every file of a library and count what it holds.

    Raises:
        MissingResourceError: a file is not there.
        InputError: one is damaged.
    """
    library.verify()
    days = [day for day in library.chain_dates if day]
    return LibraryInfo(
        name=library.name,
        version=library.version,
        num_chains=library.num_chains,
        num_residues=library.num_residues,
        num_raw_chains=library.num_raw_chains,
        num_undated_chains=library.num_chains - len(days),
        first_date=min(days, default=None),
        last_date=max(days, default=None),
        num_sequences=library.num_sequences,
        has_profiles=library.has_profiles,
        num_bytes=library.num_bytes,
    )
