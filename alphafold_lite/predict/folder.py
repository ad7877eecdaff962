"""The output folder of one target, under AlphaFold's file names. Every file appears whole or not at all."""

from dataclasses import asdict
from pathlib import Path

from alphafold_lite.common.features import Features
from alphafold_lite.outputs import scores
from alphafold_lite.outputs.files import RUN_FILE, fresh_output_folder, write_atomic
from alphafold_lite.outputs.run_record import RunRecord, sha256_of
from alphafold_lite.predict.predictor import Predictor
from alphafold_lite.predict.result import UNTRAINED, FoldResult
from data_pipeline.feature_file import save_features
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.parsers.fasta import FastaRecord

UNKEPT_RESIDUE = "x"  # an inserted residue: how many there are is known, their letters are not


def run_record(predictor: Predictor, record: FastaRecord, msas: dict[str, str]) -> RunRecord:
    """What decides the results of one target; `msas` is A3M text by engine."""
    settings, placement, models = predictor.settings, predictor.placement, predictor.models
    threads = f", {predictor.num_threads} threads" if placement.device.type == "cpu" else ""
    return RunRecord(
        target={
            "name": record.name,
            "header": record.header,
            "sequence": record.sequence,
            "replaced": [{"position": position, "letter": letter} for position, letter in record.replaced],
        },
        configuration={
            "models": [model.source.name for model in models],
            "num_recycles": settings.num_recycles,
            "recycle_tolerance": settings.recycle_tolerance,
            "device": placement.device.type,
            "precision": placement.precision,
            "relax": predictor.relax_choice,
            "relaxation": asdict(predictor.relax_config),
            "msa_mode": "single" if "single" in msas else "user",
            "sampling": {model.source.name: asdict(model.sampling) for model in models},
            "networks": {model.source.name: model.network.config.to_json_dict() for model in models},
        },
        seeds=[settings.seed + number for number in range(settings.num_seeds)],
        parameters=[
            {
                "name": model.source.name,
                "origin": Path(model.source.origin).name,
                "sha256": model.source.sha256,
                "untrained": model.source.untrained,
                "license": model.source.license,
            }
            for model in models
        ],
        msas={engine: sha256_of(text) for engine, text in msas.items()},
        device=f"{placement.device.type}, {placement.precision}{threads}",
        note=UNTRAINED if predictor.untrained else None,
    )


def a3m_text(alignment: Alignment) -> str:
    """A3M with each inserted residue as a lower-case x: columns and deletion counts survive, inserted letters do not."""
    lines: list[str] = []
    rows = zip(alignment.descriptions, alignment.sequences, alignment.deletion_matrix, strict=True)
    for description, letters, deletions in rows:
        parts = [UNKEPT_RESIDUE * int(count) + letter for letter, count in zip(letters, deletions, strict=True)]
        lines += [f">{description}", "".join(parts)]
    return "\n".join(lines) + "\n"


class TargetFolder:
    """Writes the results of one target into `OUT/NAME/`.

    Raises:
        InputError: results of another configuration are there and `overwrite` is off, or the folder cannot be written.
    """

    def __init__(self, path: Path, record: RunRecord, *, overwrite: bool) -> None:
        self.path = fresh_output_folder(path, record.fingerprint, overwrite=overwrite)
        self._note = record.note
        write_atomic(path / RUN_FILE, record.to_json())  # first, so that an interrupted run is known for what it is

    def write_features(self, features: Features, msas: dict[str, str]) -> None:
        """`features.npz` and `msas/ENGINE.a3m`."""
        for engine, text in msas.items():
            write_atomic(self.path / "msas" / f"{engine}.a3m", text)
        save_features(features, self.path / "features.npz")

    def write_unrelaxed(self, result: FoldResult) -> None:
        """Structure and scores of one model and seed, before anything is relaxed."""
        write_atomic(self.path / f"unrelaxed_{result.stem}.pdb", result.unrelaxed_pdb())
        write_atomic(
            self.path / f"confidence_{result.stem}.json", scores.confidence_json(result.plddt, note=result.note)
        )
        if result.pae is not None and result.max_pae is not None:
            write_atomic(self.path / f"pae_{result.stem}.json", scores.pae_json(result.pae, result.max_pae))

    def write_ranking(self, ranked: tuple[FoldResult, ...]) -> None:
        """`ranking_debug.json` by mean pLDDT, best first."""
        means = {result.stem: result.mean_plddt for result in ranked}
        write_atomic(self.path / "ranking_debug.json", scores.ranking_debug_json(means, note=self._note))

    def write_relaxed(self, result: FoldResult, rank: int) -> None:
        """`relaxed_….pdb` where there is one, and `ranked_RANK.pdb` from it or from the unrelaxed structure."""
        text = result.pdb()
        if result.relaxed is not None:
            write_atomic(self.path / f"relaxed_{result.stem}.pdb", text)
        write_atomic(self.path / f"ranked_{rank}.pdb", text)

    def write_metrics(self, ranked: tuple[FoldResult, ...], seconds: dict[str, float]) -> None:
        """`relax_metrics.json` for the structures that relaxation was tried on, and `timings.json`."""
        metrics = {
            result.stem: {
                **{name: value for name, value in asdict(tried.metrics).items() if name != "seconds"},
                "remaining_violations_count": sum(tried.metrics.remaining_violations),
                "status": tried.status,
                "message": tried.message,
            }
            for result in ranked
            if (tried := result.relaxation) is not None
        }
        write_atomic(self.path / "relax_metrics.json", scores.relax_metrics_json(metrics, note=self._note))
        write_atomic(self.path / "timings.json", scores.timings_json(seconds, note=self._note))
