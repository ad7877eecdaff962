"""The arrays of a `confidence` reference folder: pLDDT, PAE, pTM and ipTM from recorded logits."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from alphafold_lite import confidence
from alphafold_lite.parity.produced import Context, Produced

FILE = "confidence.npz"


def confidence_arrays(folder: Path, context: Context) -> Iterator[Produced]:
    """Every score that the recorded logits give."""
    with np.load(folder / FILE, allow_pickle=False) as archive:
        recorded = {name.removeprefix("in:"): archive[name] for name in archive.files if name.startswith("in:")}
    plddt_logits = torch.as_tensor(recorded["plddt_logits"]).to(context.device, context.dtype)
    pae_logits = torch.as_tensor(recorded["pae_logits"]).to(context.device, context.dtype)
    asym_id = torch.as_tensor(recorded["asym_id"], device=context.device)
    max_bin = float(recorded["breaks"][-1])
    pae, max_pae = confidence.predicted_aligned_error(pae_logits, max_bin)
    scores = {
        "plddt": confidence.plddt(plddt_logits),
        "pae_probs": confidence.pae_probabilities(pae_logits),
        "pae": pae,
        "max_pae": max_pae,
        "ptm": confidence.ptm(pae_logits, max_bin=max_bin),
        "iptm": confidence.ptm(pae_logits, asym_id=asym_id, max_bin=max_bin),
    }
    for name, value in scores.items():
        yield Produced(FILE, f"out:{name}", value.cpu().numpy())
