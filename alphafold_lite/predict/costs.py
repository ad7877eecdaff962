"""Memory that runs need: by what was measured on the device where anything was, else by a rough rule."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

import torch

from alphafold_lite.model.config import ModelConfig
from alphafold_lite.predict.calibration import Circumstances, stored
from alphafold_lite.predict.device import Placement, free_bytes, peak_bytes
from alphafold_lite.predict.forecast import CostModel, Load
from data_pipeline.sampling import SamplingConfig

MAX_RESIDUES = 2**24  # more than any device can fold


class Costs:
    """Looks each network up once, the first time that it is asked about."""

    def __init__(self) -> None:
        self._known: dict[tuple[ModelConfig, Placement, int], CostModel | None] = {}

    def measured(self, config: ModelConfig, placement: Placement) -> CostModel | None:
        """What was measured of a network; None where nothing was."""
        key = (config, placement, torch.get_num_threads())
        if key not in self._known:
            calibration = stored(Circumstances.of(config, placement))
            self._known[key] = None if calibration is None else calibration.cost_model()
        return self._known[key]

    def put(self, config: ModelConfig, placement: Placement, cost: CostModel) -> None:
        """Use what has just been measured."""
        self._known[config, placement, torch.get_num_threads()] = cost

    def bytes_beyond(self, config: ModelConfig, placement: Placement, load: Load) -> float:
        """Memory of one run beyond what is held before it. What float32 needs, bfloat16 does not exceed."""
        for known in (placement, replace(placement, precision="fp32")):
            cost = self.measured(config, known)
            if cost is not None and cost.tells_memory:
                return cost.bytes_beyond(load)
        return peak_bytes(config, num_res=load.num_res, num_clusters=load.num_clusters, num_extra=load.num_extra)

    def max_residues(self, configs: Sequence[ModelConfig], placement: Placement) -> int | None:
        """The longest chain that each of the networks can fold, whatever its alignment; None where the system does not tell what is free."""
        free = free_bytes(placement.device)
        if free is None:
            return None

        def needed(num_res: int) -> float:
            return max(self.bytes_beyond(config, placement, Load(num_res=num_res)) for config in configs)

        return bisect_right(range(1, MAX_RESIDUES), free, key=needed)


def load_of(sampling: SamplingConfig, *, num_res: int, rows: int, templates: bool, passes: int = 1) -> Load:
    """The size of a run on an alignment of so many rows, with or without templates."""
    clusters = min(rows, sampling.num_centres)
    return Load(
        num_res=num_res,
        num_clusters=clusters,
        num_extra=min(rows - clusters, sampling.max_extra),
        num_templates=sampling.max_templates if templates else 0,
        passes=passes,
    )
