"""Figures over many chains, each with n and a 95 % interval (bootstrap over clusters, seeded).

A figure is `{"mean", "low", "high", "n", "of"}`, with `"median"` where it is a mean over chains; `mean` is the value itself for correlations, pooled shares and
the calibration error. null: nothing to compute it from; null limits: fewer than two clusters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.evaluate.scores import ChainScores
from alphafold_lite.metrics.bootstrap import Interval, mean_interval, ratio_interval
from alphafold_lite.metrics.calibration import calibrate, correlation

DIGITS = 4
Figure = dict[str, float | int | str | None]

OF_CHAINS: dict[str, Callable[[ChainScores], float]] = {
    "lddt_ca": lambda s: s.lddt_ca,
    "tm": lambda s: s.superposition.tm,
    "gdt_ts": lambda s: s.superposition.gdt_ts,
    "rmsd_ca": lambda s: s.rmsd_ca,
    "plddt": lambda s: s.plddt,
    "clashes_per_100_residues": lambda s: 100 * s.num_clashes / s.length,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Share:
    """Part and whole, each added up over all chains."""

    of: str
    part: Callable[[ChainScores], int]
    whole: Callable[[ChainScores], int]


SHARES = {
    "chain_breaks": _Share(of="links", part=lambda s: s.num_breaks, whole=lambda s: s.num_links),
    "ramachandran_favoured": _Share(
        of="residues", part=lambda s: s.ramachandran.num_favoured, whole=lambda s: s.ramachandran.num_residues
    ),
    "ramachandran_allowed": _Share(
        of="residues",
        part=lambda s: s.ramachandran.num_favoured + s.ramachandran.num_allowed,
        whole=lambda s: s.ramachandran.num_residues,
    ),
    "chi1": _Share(of="residues", part=lambda s: s.chi1.num_correct, whole=lambda s: s.chi1.num_residues),
    "chi1_buried": _Share(of="residues", part=lambda s: s.chi1.num_buried_correct, whole=lambda s: s.chi1.num_buried),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Residues:
    """pLDDT and lDDT of all judged residues of all chains, with the cluster of each."""

    plddt: Float[np.ndarray, "N_all"]
    lddt: Float[np.ndarray, "N_all"]
    clusters: Int[np.ndarray, "N_all"]


def all_residues(scores: Sequence[ChainScores]) -> Residues:
    """One after another, in the order of the chains."""
    counts = [len(chain.residue_lddt) for chain in scores]
    return Residues(
        plddt=np.concatenate([np.zeros(0), *(chain.residue_plddt for chain in scores)]),
        lddt=np.concatenate([np.zeros(0), *(chain.residue_lddt for chain in scores)]),
        clusters=np.repeat(np.array([chain.cluster for chain in scores], np.int64), counts),
    )


def summarise(scores: Sequence[ChainScores], *, seed: int) -> dict[str, Figure]:
    """Every figure by name."""
    clusters = np.array([chain.cluster for chain in scores], np.int64)
    figures: dict[str, Figure] = {}
    for name, read in OF_CHAINS.items():
        values = np.array([read(chain) for chain in scores], np.float64)
        figures[name] = chain_figure(values, clusters, seed=seed)
    for name, share in SHARES.items():
        part, whole = (np.array([read(s) for s in scores], np.float64) for read in (share.part, share.whole))
        figures[name] = _figure(ratio_interval(part, whole, clusters, n=int(whole.sum()), seed=seed), share.of)
    residues = all_residues(scores)
    by_residue = correlation(residues.plddt, residues.lddt, residues.clusters, seed=seed)
    means = np.array([(chain.plddt, chain.lddt_ca) for chain in scores], np.float64).reshape(-1, 2)
    figures["plddt_lddt_r_residue"] = _figure(by_residue, "residues")
    figures["plddt_lddt_r_chain"] = _figure(correlation(means[:, 0], means[:, 1], clusters, seed=seed), "chains")
    error = calibrate(residues.plddt, residues.lddt, residues.clusters, seed=seed).mean_error
    figures["calibration_error"] = _figure(error, "residues")
    return figures


def calibration_table(scores: Sequence[ChainScores], *, seed: int) -> list[dict[str, object]]:
    """Rows by pLDDT: limits of the bin, mean pLDDT and mean lDDT of its residues."""
    residues = all_residues(scores)
    table = calibrate(residues.plddt, residues.lddt, residues.clusters, seed=seed)
    return [
        {
            "lower": row.lower,
            "upper": row.upper,
            "n": row.lddt.n,
            "plddt": _figure(row.plddt, "residues"),
            "lddt": _figure(row.lddt, "residues"),
        }
        for row in table.bins
    ]


def _figure(interval: Interval, of: str, **more: float | None) -> Figure:
    values = {"mean": interval.value, **more, "low": interval.low, "high": interval.high}
    rounded = {name: None if value is None else round(value, DIGITS) for name, value in values.items()}
    return {**rounded, "n": interval.n, "of": of}


def chain_figure(values: Float[np.ndarray, "N_chain"], clusters: Int[np.ndarray, "N_chain"], *, seed: int) -> Figure:
    """Mean and median over chains."""
    median = float(np.median(values)) if len(values) else None
    return _figure(mean_interval(values, clusters, seed=seed), "chains", median=median)


def table_lines(figures: dict[str, Figure]) -> list[str]:
    """The summary for people, a line a figure."""
    lines = [f"{'figure':<26}{'value':>9}  {'95 % interval':<20}{'n':>8}"]
    for name, figure in figures.items():
        limits = "" if figure["low"] is None else f"{figure['low']:.3f} to {figure['high']:.3f}"
        value = "" if figure["mean"] is None else f"{figure['mean']:.3f}"
        lines.append(f"{name:<26}{value:>9}  {limits:<20}{figure['n']:>8} {figure['of']}")
    return lines
