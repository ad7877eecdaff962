import pytest

from alphafold_lite.predict.predictor import Predictor
from data_pipeline.config import NO_TEMPLATES, SearchConfig

ALONE = SearchConfig(msa_modes=("single",), templates=NO_TEMPLATES)


@pytest.fixture(scope="session")
def predictor():
    """An untrained network, loaded once."""
    return Predictor("random:0", search=ALONE, num_recycles=1, relax="none", device="cpu")


@pytest.fixture(scope="session")
def result(predictor):
    """Its best result for a short chain."""
    return predictor.fold("MQIFVKTLTG")
