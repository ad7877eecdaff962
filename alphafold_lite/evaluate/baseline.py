"""What a network has to beat: the best library hit's backbone, copied onto the query along the alignment. Scores 0 to 1."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.evaluate.inputs import library_query
from alphafold_lite.evaluate.leave_out import LeaveOut, choose
from alphafold_lite.evaluate.selection import chosen
from alphafold_lite.evaluate.settings import EvaluationSettings
from alphafold_lite.evaluate.summary import Figure, chain_figure
from alphafold_lite.metrics.lddt import lddt
from alphafold_lite.metrics.superposition import superposition_scores
from alphafold_lite.outputs.run_record import package_versions
from alphafold_lite.outputs.scores import to_json
from alphafold_lite.predict.progress import Progress
from alphafold_lite.training.chains import Chain, ChainSet
from data_pipeline.config import SearchConfig
from data_pipeline.searcher import Searcher

CA = rc.atom_order["CA"]
FAR = 1e4  # Å between residues that the template does not cover: nothing near them is ever right
DIGITS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class CopyScores:
    """One chain: its template (None: no hit) and how good the copy is; residues that it does not cover count as wrong."""

    id: str
    cluster: int
    length: int
    template: str | None
    e_value: float | None = None
    identity: float = 0.0
    coverage: float = 0.0
    tm: float = 0.0
    gdt_ts: float = 0.0
    lddt_ca: float = 0.0

    def to_json_dict(self) -> dict[str, object]:
        """An entry of `chains`."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        rounded = ("identity", "coverage", "tm", "gdt_ts", "lddt_ca")
        return {name: round(float(v), DIGITS) if name in rounded else v for name, v in values.items()}


@dataclass
class TemplateCopy:
    """The best hit of every chain of a set; `scores` grows as chains are done.

    Raises:
        InputError: a dataset or a rule of what is left out that cannot be used.
        MissingResourceError: no embedded library.
    """

    settings: EvaluationSettings
    progress: Progress
    scores: list[CopyScores] = field(default_factory=list[CopyScores])

    def __post_init__(self) -> None:
        self.chains = chosen(ChainSet.open(self.settings.dataset), self.settings)
        self.searcher = Searcher(SearchConfig())
        self.rule: LeaveOut = choose(self.settings.leave_out, frozenset(self.chains.ids), self.searcher.library)

    def run(self) -> Iterator[CopyScores]:
        """Search and score every chain, in the order of the dataset."""
        for number, chain in enumerate(self.chains):
            self.progress.target(chain.id, number + 1, len(self.chains))
            self.progress.stage("copy")
            self.scores.append(self.copy(chain))
            yield self.scores[-1]

    def copy(self, chain: Chain) -> CopyScores:
        """The best usable hit on one chain, scored against its structure."""
        rule, query = self.rule, library_query(chain)
        alignments = [result.alignment for result in self.searcher.search(query)]
        hits, _ = self.searcher.library_hits(
            query, alignments, exclude=rule.excluded(chain), max_identity=rule.max_identity
        )
        none = CopyScores(id=chain.id, cluster=chain.cluster, length=len(chain.sequence), template=None)
        if not hits:
            return none
        hit = hits[0]
        ours = np.arange(len(chain.sequence))[:, None] * np.array([FAR, 0.0, 0.0], np.float32)
        ours[hit.query_index] = self.searcher.library.backbone(hit.chain)[hit.chain_index, 1]
        known = chain.atom37_mask[:, CA] > 0
        covered = np.zeros_like(known)
        covered[hit.query_index] = True
        true = chain.atom37_positions[:, CA]
        found = superposition_scores(ours, true, known & covered, native_length=int(known.sum()))
        return replace(
            none,
            template=hit.name,
            e_value=hit.e_value,
            identity=hit.identity,
            coverage=hit.coverage,
            tm=found.tm,
            gdt_ts=found.gdt_ts,
            lddt_ca=lddt(ours, true, known).score,
        )

    def summarise(self) -> dict[str, Figure]:
        """Means over all chains, those without a hit counted as 0, and the share with a hit."""
        return summarise(self.scores, seed=self.settings.prediction.seed)

    def report(self) -> str:
        """The JSON of the baseline."""
        return to_json(
            {
                "complete": len(self.scores) == len(self.chains),
                "run": {
                    "baseline": "template-copy",
                    "dataset": self.settings.dataset.name,
                    "num_chains": len(self.chains),
                    "limit": self.settings.limit,
                    "seed": self.settings.prediction.seed,
                    "left_out": self.rule.kind,
                    "library": self.searcher.library.version,
                    "versions": package_versions(),
                },
                "summary": self.summarise(),
                "chains": [scores.to_json_dict() for scores in self.scores],
            }
        )


def summarise(scores: Sequence[CopyScores], *, seed: int) -> dict[str, Figure]:
    """Figures by name, each over all chains."""
    clusters = np.array([chain.cluster for chain in scores], np.int64)
    columns = {
        "tm": [chain.tm for chain in scores],
        "gdt_ts": [chain.gdt_ts for chain in scores],
        "lddt_ca": [chain.lddt_ca for chain in scores],
        "with_template": [float(chain.template is not None) for chain in scores],
        "tm_at_least_half": [float(chain.tm >= 0.5) for chain in scores],
    }
    return {name: chain_figure(np.array(values), clusters, seed=seed) for name, values in columns.items()}
