"""What of a folder would be used: chains, their clusters, their split. Nothing is searched for."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

from alphafold_lite.common.errors import InputError
from alphafold_lite.finetune.clusters import cluster, draw_validation
from alphafold_lite.finetune.filters import choose
from alphafold_lite.finetune.settings import FinetuneSettings
from alphafold_lite.finetune.structures import Candidate, Rejection, list_files, read_all
from alphafold_lite.training.run_folder import read_names


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """Chains side by side with their clusters, and what is left out."""

    chains: tuple[Candidate, ...]
    clusters: Int[np.ndarray, "N_chain"]
    is_validation: Bool[np.ndarray, "N_chain"]
    rejected: tuple[Rejection, ...]
    num_files: int

    def without(self, ids: frozenset[str], reasons: Sequence[Rejection]) -> "Survey":
        """The same without some chains."""
        kept = np.array([chain.id not in ids for chain in self.chains], bool)
        return replace(
            self,
            chains=tuple(chain for chain in self.chains if chain.id not in ids),
            clusters=self.clusters[kept],
            is_validation=self.is_validation[kept],
            rejected=(*self.rejected, *reasons),
        )


def survey(settings: FinetuneSettings, *, threads: int = 1) -> Survey:
    """Read, filter, cluster and split.

    Raises:
        InputError: no structure, no chain that passes the filters, or names that are not there.
    """
    folder = Path(settings.structures)
    files = list_files(folder)
    wanted = None if settings.ids is None else _names(settings.ids)
    chains, rejected = choose(read_all(folder, files, wanted), settings.filters)
    if not chains:
        most = Counter(rejection.kind for rejection in rejected).most_common(1)
        found = f"none in {len(files)} files" + (f", mostly: {most[0][0]}" if most else "")
        raise InputError("chains that pass the filters", found, "give other structures, or wider limits")
    clusters = cluster([chain.sequence for chain in chains], identity=settings.split.identity, threads=threads)
    is_validation = _split(chains, clusters, settings)
    if is_validation.all():
        raise InputError("chains to learn from", f"{len(chains)}, all for validation", "name fewer of them")
    return Survey(
        chains=chains, clusters=clusters, is_validation=is_validation, rejected=rejected, num_files=len(files)
    )


def _split(
    chains: Sequence[Candidate], clusters: Int[np.ndarray, "N_chain"], settings: FinetuneSettings
) -> Bool[np.ndarray, "N_chain"]:
    if settings.split.names is None:
        return draw_validation(clusters, share=settings.split.share, rng=np.random.default_rng(settings.seed))
    names = _names(settings.split.names)
    chosen = np.array([bool({chain.id.lower(), chain.entry.lower()} & names) for chain in chains])
    if not chosen.any():
        raise InputError(f"names of chains in {settings.split.names}", "none that is used", "correct the names")
    return chosen


def _names(path: str) -> frozenset[str]:
    return frozenset(name.lower() for name in read_names(Path(path)))


def rejected_csv(rejected: Sequence[Rejection]) -> str:
    """A line each: file, chain, kind of reason, reason."""
    return _csv(("file", "chain", "kind", "reason"), [(r.file, r.chain, r.kind, r.reason) for r in rejected])


def chains_csv(found: Survey) -> str:
    """A line for each chain that is used."""
    rows = [
        (c.id, c.file, len(c.sequence), c.resolution or "", int(number), "validation" if judged else "training")
        for c, number, judged in zip(found.chains, found.clusters, found.is_validation, strict=True)
    ]
    return _csv(("chain", "file", "residues", "resolution", "cluster", "part"), rows)


def _csv(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()
