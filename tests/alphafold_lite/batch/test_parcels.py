"""Files of a target on their way to a worker and back."""

import json
from dataclasses import replace

import pytest

from alphafold_lite.batch.messages import Job, StageResult
from alphafold_lite.batch.parcels import collect, pack, store, unpack
from alphafold_lite.common.errors import InputError, TargetError
from alphafold_lite.outputs.run_record import sha256_of
from data_pipeline.parsers.fasta import sequence_record

RECORD = json.dumps({"fingerprint": "f1"}).encode()
CONTENT = {"run.json": RECORD, "features.npz": b"\x00\x01", "msas/embedded.a3m": b">q\nMK\n"}


@pytest.fixture
def job(tmp_path):
    """A target in the output folder."""
    record = sequence_record("MQIFVKTLTG", name="one")
    return Job(record=record, folder=tmp_path / "out" / "one", scratch=tmp_path / "out" / "scratch" / "key.npz")


def delivery(job, folder, stage="features", content=CONTENT):
    """What a worker sends after it has written files in a folder of its own."""
    there = replace(job, folder=folder / "one", scratch=folder / "key.npz")
    for name, data in content.items():
        (there.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (there.folder / name).write_bytes(data)
    files = {name: sha256_of(data) for name, data in content.items()}
    result = StageResult(stage=stage, seconds=1.0, device="cpu", peak_bytes=1, files=files, details={})
    return there, collect(there, result)


def written(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_there_and_back(job, tmp_path):
    _, sent = delivery(job, tmp_path / "there")
    store(sent, job)
    assert written(job.folder) == CONTENT
    parcel = pack(job, "fold")
    assert set(parcel.files) == {"run.json", "features.npz"} and parcel.scratch is None
    there = unpack(parcel, tmp_path / "elsewhere")
    assert there.record == job.record and there.folder.is_relative_to(tmp_path / "elsewhere")
    assert written(there.folder) == {name: CONTENT[name] for name in parcel.files}


def test_what_waits_for_relaxation_goes_through_the_keeper(job, tmp_path):
    store(delivery(job, tmp_path / "search")[1], job)
    there, _ = delivery(job, tmp_path / "fold", "fold", {"unrelaxed_a.pdb": b"END\n"})
    there.scratch.write_bytes(b"results")
    store(collect(there, delivery(job, tmp_path / "fold", "fold", {"unrelaxed_a.pdb": b"END\n"})[1].result), job)
    assert job.scratch.read_bytes() == b"results"
    assert unpack(pack(job, "relax"), tmp_path / "relax").scratch.read_bytes() == b"results"
    job.scratch.unlink()
    with pytest.raises(TargetError, match="stages before"):
        pack(job, "relax")


@pytest.mark.parametrize(
    "change",
    [
        {"files": CONTENT | {"features.npz": b"other"}},
        {"files": {name: data for name, data in CONTENT.items() if name != "features.npz"}},
        {"files": CONTENT | {"ranked_0.pdb": b"not named"}},
    ],
)
def test_what_changed_on_the_way_is_not_written(job, tmp_path, change):
    _, sent = delivery(job, tmp_path / "there")
    with pytest.raises(TargetError, match="changed on the way"):
        store(replace(sent, **change), job)
    assert not job.folder.exists()


@pytest.mark.parametrize("name", ["../two/ranked_0.pdb", "/etc/passwd", "a/../../b", ""])
def test_no_name_leads_out_of_the_folder(job, tmp_path, name):
    _, sent = delivery(job, tmp_path / "there", "fold", {"unrelaxed_a.pdb": b"END\n"})
    result = replace(sent.result, files={name: sha256_of(b"x")})
    with pytest.raises(InputError, match="inside the folder"):
        store(replace(sent, result=result, files={name: b"x"}), job)
    assert written(tmp_path) == written(tmp_path / "there") or not job.folder.exists()


def test_results_of_another_configuration_stay_unless_the_job_overwrites(job, tmp_path):
    _, sent = delivery(job, tmp_path / "there")
    job.folder.mkdir(parents=True)
    (job.folder / "run.json").write_text(json.dumps({"fingerprint": "other"}))
    (job.folder / "ranked_0.pdb").write_text("of the other")
    with pytest.raises(InputError, match="another configuration"):
        store(sent, job)
    assert (job.folder / "ranked_0.pdb").read_text() == "of the other"
    (job.folder / "search.json").write_text(json.dumps({"fingerprint": "f1"}))  # of an earlier search alone
    store(sent, replace(job, overwrite=True))
    assert written(job.folder) == CONTENT
