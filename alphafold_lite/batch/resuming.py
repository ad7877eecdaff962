"""What an earlier batch has done in an output folder, for those who only look."""

from collections.abc import Callable
from pathlib import Path

from alphafold_lite.batch.files import STATE_FOLDER
from alphafold_lite.batch.messages import Ready
from alphafold_lite.batch.plan import configuration_digest, target_key
from alphafold_lite.batch.rows import DONE
from alphafold_lite.batch.schema import JOURNAL, open_for_reading
from alphafold_lite.predict.folder import run_identity
from alphafold_lite.predict.predictor import Predictor
from data_pipeline.parsers.fasta import FastaRecord


def done_before(out_dir: Path, predictor: Predictor) -> Callable[[FastaRecord], bool] | None:
    """Tells whether a record is done with the same settings and parameters; None where no batch has been. Files are not verified.

    Raises:
        InputError: a journal that cannot be read.
    """
    folder = out_dir / STATE_FOLDER
    if not (folder / JOURNAL).is_file():
        return None
    journal = open_for_reading(folder)
    configuration = configuration_digest(Ready(identity=run_identity(predictor), search=predictor.search_in_use))

    def is_done(record: FastaRecord) -> bool:
        row = journal.execute("SELECT key, state FROM targets WHERE name = ?", (record.name,)).fetchone()
        return row is not None and (row["key"], row["state"]) == (target_key(configuration, record.chains), DONE)

    return is_done
