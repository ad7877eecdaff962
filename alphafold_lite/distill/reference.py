"""The reference of a set of predictions, and the confidences made with it. Distograms are needed until then, and removed."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from alphafold_lite.batch.distogram_file import Distogram, load_distogram, save_distogram
from alphafold_lite.common.errors import InputError
from alphafold_lite.distill.confidence import Reference, ReferenceSum, divergences, residue_confidence
from alphafold_lite.distill.predicted import Predicted
from alphafold_lite.distill.settings import BAND, REFERENCE_SIZE
from alphafold_lite.outputs.files import write_npz
from alphafold_lite.outputs.run_record import sha256_of
from alphafold_lite.predict.distogram import pair_separation
from alphafold_lite.weights.npz import read_npz

log = logging.getLogger("alphafold_lite")
FEW = 100  # sequences, below which a reference is doubtful


class Confidences:
    """Confidences of targets by one reference, which is made at the first call and kept: targets that come later are judged by it too.

    Args:
        folder: of the distograms.
        configuration: digest of what decides the predictions; each has a reference of its own.
        keep: do not remove distograms.
    """

    def __init__(self, folder: Path, configuration: str, *, keep: bool) -> None:
        self._path, self._keep = folder / f"reference-{configuration}.npz", keep
        self.reference: Reference | None = None
        self._digest = ""

    def prepare(self, targets: Sequence[Predicted], seed: int) -> None:
        """Read the reference, or make it of a sample of these targets.

        Raises:
            InputError: no target has a distogram.
        """
        if not self._path.is_file():
            _write(_mean(targets, seed), self._path)
        arrays = read_npz(self._path)
        self._digest = sha256_of(self._path)
        self.reference = Reference(probabilities=arrays["probabilities"], num_sequences=int(arrays["num_sequences"]))
        if self.num_sequences < FEW:
            log.warning("the reference is the mean of %d sequences only: confidences say little", self.num_sequences)

    def of(self, target: Predicted) -> Float[np.ndarray, "N_res"]:
        """Of each residue, in nats; what is kept of the target is brought up to date.

        Raises:
            InputError: its distogram is damaged or was compared with another reference; it is removed, so that the target is predicted again.
        """
        if self.reference is None:
            raise ValueError("no reference yet")
        try:
            kept = load_distogram(target.distogram)
            if kept.confidence is not None and kept.reference == self._digest:
                confidence = kept.confidence.astype(np.float32)
            else:
                confidence = self._compare(kept, self.reference)
        except (InputError, ValueError, IndexError) as error:
            target.distogram.unlink(missing_ok=True)
            raise InputError(f"a distogram of {target.name}", str(error), "run the same command again") from error
        if kept.reference != self._digest or (kept.log_probabilities is not None and not self._keep):
            left = kept.log_probabilities if self._keep else None
            settled = replace(kept, confidence=confidence, reference=self._digest, log_probabilities=left)
            save_distogram(settled, target.distogram)
        return confidence

    @property
    def num_sequences(self) -> int:
        """That the reference is the mean of."""
        return 0 if self.reference is None else self.reference.num_sequences

    def clear(self, targets: Sequence[Predicted]) -> None:
        """Remove what belongs to none of these targets and to no reference of theirs."""
        known = {self._path, *(target.distogram for target in targets)}
        for path in self._path.parent.glob("*.npz"):
            if path not in known:
                path.unlink(missing_ok=True)

    @staticmethod
    def _compare(kept: Distogram, reference: Reference) -> Float[np.ndarray, "N_res"]:
        if kept.log_probabilities is None:
            raise InputError("distances of its residues", "none, as it was compared with another reference", "")
        apart = pair_separation(kept.num_res, BAND)
        found = divergences(kept.log_probabilities, apart, reference)
        return residue_confidence(found, apart, kept.num_res)


def _mean(targets: Sequence[Predicted], seed: int) -> Reference:
    """The reference of at most `REFERENCE_SIZE` targets, drawn without replacement."""
    sums = ReferenceSum(BAND)
    for place in np.random.default_rng(seed).permutation(len(targets)):
        if sums.num_sequences == REFERENCE_SIZE:
            break
        try:
            found = load_distogram(targets[place].distogram)
        except InputError:
            continue  # reported where its own confidence is asked for
        if found.log_probabilities is not None:
            sums.add(found.log_probabilities, pair_separation(found.num_res, BAND))
    if not sums.num_sequences:
        raise InputError("distograms to make a reference of", "none", "run the same command again")
    return sums.reference()


def _write(reference: Reference, path: Path) -> None:
    write_npz(path, {"probabilities": reference.probabilities, "num_sequences": np.array(reference.num_sequences)})
