"""`predict` from FASTA to files, with an untrained network."""

import gzip
import json

import numpy as np
import pytest

PROTEIN = ">one a protein\nMQIFVKTLTG\n"
TWO = f"{PROTEIN}>two\nKTITLEVEPS\n"


def folder(tmp_path, name):
    return tmp_path / "out" / name


def test_files_lines_and_the_word_untrained(predict, tmp_path):
    done = predict(PROTEIN)
    assert done.code == 0
    stem = "untrained_tiny_pred_0"
    assert {path.relative_to(folder(tmp_path, "one")).as_posix() for path in folder(tmp_path, "one").rglob("*.*")} == {
        f"unrelaxed_{stem}.pdb", "ranked_0.pdb", f"confidence_{stem}.json", f"pae_{stem}.json", "ranking_debug.json",
        "relax_metrics.json", "timings.json", "features.npz", "run.json", "msas/single.a3m",
    }  # fmt: skip
    assert done.out.count("\n") == 1 and "UNTRAINED" in done.out and "ranked_0.pdb" in done.out
    assert "recycle 0 of 0" in done.err
    for path in folder(tmp_path, "one").glob("*.pdb"):
        assert "UNTRAINED" in path.read_text().splitlines()[0]
    for path in folder(tmp_path, "one").glob("*.json"):
        assert "untrained" in path.name or "UNTRAINED" in path.read_text()


def test_json_is_one_object_a_target(predict, tmp_path):
    done = predict(TWO, "--json", "--quiet")
    first, second = map(json.loads, done.out.splitlines())
    assert (first["name"], second["name"]) == ("one", "two")
    assert first["header"] == "one a protein" and first["status"] == "done" and first["untrained"]
    assert first["models"][0]["pdb"] == str(folder(tmp_path, "one") / "ranked_0.pdb")
    assert 0 <= first["models"][0]["mean_plddt"] <= 100
    assert done.err == ""


def test_scores_have_the_database_shape(predict, tmp_path):
    predict(PROTEIN)
    (pae,) = json.loads((folder(tmp_path, "one") / "pae_untrained_tiny_pred_0.json").read_text())
    assert set(pae) == {"predicted_aligned_error", "max_predicted_aligned_error"}
    assert np.shape(pae["predicted_aligned_error"]) == (10, 10)
    confidence = json.loads((folder(tmp_path, "one") / "confidence_untrained_tiny_pred_0.json").read_text())
    assert len(confidence["confidenceScore"]) == 10
    lines = (folder(tmp_path, "one") / "ranked_0.pdb").read_text().splitlines()
    b_factors = [float(line[60:66]) for line in lines if line.startswith("ATOM") and line[12:16] == " CA "]
    assert np.allclose(b_factors, confidence["confidenceScore"], atol=0.01)


def test_same_seed_same_bytes_and_another_seed_other_bytes(predict, tmp_path):
    def contents(name):
        paths = sorted([*folder(tmp_path, name).glob("*.pdb"), *folder(tmp_path, name).glob("*e_untrained*.json")])
        return [path.read_bytes() for path in paths]

    assert predict(PROTEIN, "--num-recycles", 1).code == 0
    first = contents("one")
    assert predict(PROTEIN, "--num-recycles", 1).code == 0  # the same configuration may be run again
    assert contents("one") == first
    assert predict(PROTEIN, "--num-recycles", 1, "--seed", 5, "--overwrite").code == 0
    assert contents("one") != first


def test_results_of_another_configuration_are_kept(predict, tmp_path):
    predict(PROTEIN)
    before = {path: path.read_bytes() for path in folder(tmp_path, "one").glob("*.pdb")}
    refused = predict(PROTEIN, "--seed", 1)
    assert refused.code == 2 and "--overwrite" in refused.error
    assert {path: path.read_bytes() for path in folder(tmp_path, "one").glob("*.pdb")} == before
    (folder(tmp_path, "one") / "notes.txt").write_text("mine")
    assert predict(PROTEIN, "--num-seeds", 2, "--overwrite").code == 0
    assert predict(PROTEIN, "--num-seeds", 1, "--overwrite").code == 0
    assert not (folder(tmp_path, "one") / "ranked_1.pdb").exists()
    assert (folder(tmp_path, "one") / "notes.txt").exists()


def test_seeds_are_counted_and_ranked(predict, tmp_path):
    assert predict(PROTEIN, "--num-seeds", 3, "--seed", 7).code == 0
    ranking = json.loads((folder(tmp_path, "one") / "ranking_debug.json").read_text())
    assert sorted(ranking["order"]) == [f"untrained_tiny_pred_{number}" for number in range(3)]
    means = [ranking["plddts"][name] for name in ranking["order"]]
    assert means == sorted(means, reverse=True)
    for rank, name in enumerate(ranking["order"]):
        best = (folder(tmp_path, "one") / f"unrelaxed_{name}.pdb").read_bytes()
        assert (folder(tmp_path, "one") / f"ranked_{rank}.pdb").read_bytes() == best
    record = json.loads((folder(tmp_path, "one") / "run.json").read_text())
    assert record["seeds"] == [7, 8, 9]


def test_run_record(predict, tmp_path):
    predict(PROTEIN, "--max-msa", "32:64")
    record = json.loads((folder(tmp_path, "one") / "run.json").read_text())
    assert record["target"]["header"] == "one a protein"
    assert record["configuration"]["sampling"]["untrained_tiny"]["max_clusters"] == 32
    assert record["configuration"]["relax"] == "none" and record["configuration"]["precision"] == "fp32"
    assert len(record["parameters"][0]["sha256"]) == 64 and record["parameters"][0]["untrained"]
    assert len(record["msas"]["single"]) == 64
    assert {"python", "torch", "alphafold-lite"} <= set(record["versions"])
    assert record["device"].startswith("cpu")


def test_alignments(predict, tmp_path):
    a3m = tmp_path / "q.a3m"
    a3m.write_text(">q\nMQIFVKTLTG\n>a\nMQ-FVaaKTLTG\n>b\nMQIFVRTLSG\n")
    assert predict(PROTEIN, "--msa", a3m).code == 0
    kept = (folder(tmp_path, "one") / "msas" / "user.a3m").read_text()
    assert kept == ">q\nMQIFVKTLTG\n>a\nMQ-FVxxKTLTG\n>b\nMQIFVRTLSG\n"
    stockholm = tmp_path / "q.sto"
    stockholm.write_text("# STOCKHOLM 1.0\nq MQIFVKTLTG\na MQ-FVKTLTG\n//\n")
    assert predict(PROTEIN, "--msa", stockholm, "--overwrite").code == 0


@pytest.mark.parametrize(("name", "text", "found"), [
    ("other.a3m", ">q\nMQIFVKTLTA\n", "position 10"),
    ("ragged.a3m", ">q\nMQIFVKTLTG\n>a\nMQI\n", "row 2"),
    ("empty.a3m", "", "no text"),
    ("q.txt", ">q\nMQIFVKTLTG\n", "q.txt"),
])  # fmt: skip
def test_alignments_that_cannot_be_used(predict, tmp_path, name, text, found):
    (tmp_path / name).write_text(text)
    done = predict(PROTEIN, "--msa", tmp_path / name)
    assert done.code == 2 and found in done.error
    assert not (folder(tmp_path, "one") / "run.json").exists()


def test_an_alignment_belongs_to_one_record(predict, tmp_path):
    (tmp_path / "q.a3m").write_text(">q\nMQIFVKTLTG\n")
    assert "2 records" in predict(TWO, "--msa", tmp_path / "q.a3m").error


@pytest.mark.parametrize("text", [
    ">one\nmqifv ktltg\n", ">one\r\nMQIFV\r\nKTLTG\r\n", "\ufeff>one\nMQIFVKTLTG\n", ">one\nMQIFVKTLTG*\n", ">one\nMQIFBKTLXG\n",
])  # fmt: skip
def test_accepted_spellings(predict, tmp_path, text):
    done = predict(text, "--quiet")
    assert done.code == 0 and folder(tmp_path, "one").is_dir()
    assert ("*" in text or "X" in text) == ("warning: " in done.err)


def test_compressed_input_and_standard_input(predict, tmp_path, monkeypatch):
    assert predict(gzip.compress(PROTEIN.encode())).code == 0
    with (tmp_path / "seq.fa").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert predict(PROTEIN, "--fasta", "-").code == 0


@pytest.mark.parametrize("fasta", [
    b"", b"MQIFVKTLTG\n", b">one\n", b">one\nMQI*FV\n", b">one\nMQI-FV\n", b">one\nMQ1FV\n", b">one\nXXXXXXMQIF\n",
    b">one\nACGTACGTACGTACGTACGTACGTACGTACGT\n", b">one\nMQIF:VKTL:\n", ">one\nMQIFVKTLTG\n".encode("utf-16"), bytes(range(256)),
    b"text\n>one\nMQIFVKTLTG\n", gzip.compress(PROTEIN.encode(), mtime=0)[:30],
])  # fmt: skip
def test_no_usable_record_is_2(predict, tmp_path, fasta):
    done = predict(fasta)
    assert done.code == 2 and "expected" in done.error and "found" in done.error
    assert not (tmp_path / "out").exists()


def test_force_takes_what_looks_like_nucleotides(predict):
    assert predict(">one\nACGTACGTACGTACGTACGTACGTACGTACGT\n", "--force").code == 0


def test_two_records_one_bad_is_3(predict, tmp_path):
    done = predict(f"{PROTEIN}>bad\nMQ1FV\n", "--json")
    assert done.code == 3
    bad, good = map(json.loads, done.out.splitlines())  # as they end
    assert (good["status"], bad["status"]) == ("done", "failed")
    assert "position 3" in bad["error"] and "position 3" in done.error
    assert (folder(tmp_path, "one") / "ranked_0.pdb").exists() and not folder(tmp_path, "bad").exists()


def test_several_records_are_resumed_and_all_of_them_told(predict, tmp_path):
    assert predict(TWO).code == 0
    kept = folder(tmp_path, "one") / "ranked_0.pdb"
    before = kept.stat().st_mtime_ns
    again = predict(f"{TWO}>three\nEVEPS\n")
    assert again.code == 0 and kept.stat().st_mtime_ns == before
    assert [line.partition(":")[0] for line in again.out.splitlines()] == ["three", "one", "two"]
    assert all("UNTRAINED" in line and "ranked_0.pdb" in line for line in again.out.splitlines())


def test_several_records_from_standard_input_and_one_alone_say_the_same(predict, tmp_path, monkeypatch):
    alone = json.loads(predict(PROTEIN, "--json", "--quiet", "--num-seeds", 2).out)
    (tmp_path / "two.fa").write_text(TWO)
    with (tmp_path / "two.fa").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        done = predict(TWO, "--fasta", "-", "--json", "--quiet", "--num-seeds", 2)
    first = json.loads(done.out.splitlines()[0])
    assert done.code == 0 and {**first, "seconds": 0} == {**alone, "seconds": 0}


def test_several_records_that_fail_alike_give_their_code(predict, tmp_path):
    (tmp_path / "out").mkdir()
    for name in ("one", "two"):
        (tmp_path / "out" / name).write_text("in the way")
    done = predict(TWO, "--json")
    assert done.code == 2 and [json.loads(line)["status"] for line in done.out.splitlines()] == ["failed"] * 2
    assert done.err.count("error: one: ") == 1 and done.err.count("error: two: ") == 1


def test_length_one(predict, tmp_path):
    assert predict(">one\nM\n", "--relax", "best").code == 0
    assert (folder(tmp_path, "one") / "ranked_0.pdb").exists()


def test_headers_become_safe_distinct_folders(predict, tmp_path):
    headers = ["../../x", "p" * 5000, "Übung", "same", "same", ""]
    done = predict("".join(f">{header}\nMQIFV\n" for header in headers), "--json", "--quiet")
    assert done.code == 0
    reports = [json.loads(line) for line in done.out.splitlines()]
    assert [report["header"] for report in reports] == headers
    names = [report["name"] for report in reports]
    assert len(set(names)) == len(names) and all(len(name) < 100 for name in names)
    kept = {".batch", "summary.csv", "summary.json"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.name not in kept) == sorted(names)


def test_a_run_that_cannot_fit_is_refused_before_it_starts(predict, tmp_path):
    done = predict(f">long\n{'MQIFVKTLTG' * 6000}\n{PROTEIN}")
    assert done.code == 3 and "60000" in done.error and "memory" in done.error
    assert not folder(tmp_path, "long").exists() and (folder(tmp_path, "one") / "ranked_0.pdb").exists()


def test_an_allocation_that_fails_is_one_line(predict, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried …"
        )

    monkeypatch.setattr("alphafold_lite.inference.recycling.fold", fail)
    done = predict(PROTEIN)
    assert done.code == 3 and "10 residues" in done.error


def test_an_output_folder_that_cannot_be_written(predict, tmp_path):
    (tmp_path / "out").write_text("a file in the folder's place")
    done = predict(PROTEIN)
    assert done.code == 2 and "output folder" in done.error
    assert (tmp_path / "out").read_text() == "a file in the folder's place"


def test_missing_parameters_are_4_and_say_how_to_get_them(predict):
    done = predict(PROTEIN, "--models", "model_1_ptm", base=[])
    assert done.code == 4
    assert "alphafold_params_2022-12-06.tar" in done.error and "ALPHAFOLD_LITE_PARAMS" in done.error


def test_a_missing_device_is_4(predict, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert predict(PROTEIN, "--device", "cuda").code == 4


def damaged(tmp_path, kind):
    path = tmp_path / f"{kind}.npz"
    if kind == "truncated":
        np.savez(path, a=np.zeros(1000))
        path.write_bytes(path.read_bytes()[:-200])
    elif kind == "objects":
        np.savez(path, a=np.array([{}], dtype=object))
    elif kind == "text":
        path.write_text("not an archive")
    elif kind == "params_model_1_ptm":  # named as official parameters, but something else
        np.savez(path, a=np.zeros(3))
    return path


@pytest.mark.parametrize("kind", ["truncated", "objects", "text", "params_model_1_ptm"])
def test_parameter_files_that_cannot_be_used(predict, tmp_path, kind):
    path = damaged(tmp_path, kind)
    done = predict(PROTEIN, "--params", path)
    assert done.code == 2 and str(path) in done.error


def test_an_internal_error_is_one_line(predict, monkeypatch):
    from alphafold_lite.predict.predictor import Predictor

    def fail(*_):
        raise ValueError("broken")

    monkeypatch.setattr(Predictor, "run", fail)
    done = predict(PROTEIN)
    assert done.code == 1 and "--debug" in next(line for line in done.err.splitlines() if "broken" in line)
    assert "Traceback" not in done.err
    assert "Traceback" in predict(PROTEIN, "--debug").err


def test_without_openmm_structures_stay_unrelaxed(predict, monkeypatch):
    monkeypatch.setattr("alphafold_lite.relax.relaxation.available", lambda: "relaxation needs openmm: pip install it")
    done = predict(PROTEIN, "--relax", "best", "--quiet")
    assert done.code == 0
    assert done.err.count("\n") == 1 and "pip install" in done.err


def test_the_best_structure_is_relaxed_and_keeps_its_confidence(predict, tmp_path):
    options = ["--relax", "best", "--num-seeds", 2]
    assert predict(PROTEIN, *options).code == 0
    metrics = json.loads((folder(tmp_path, "one") / "relax_metrics.json").read_text())
    ranking = json.loads((folder(tmp_path, "one") / "ranking_debug.json").read_text())
    best, second = ranking["order"]
    assert set(metrics) == {best, "note"} and "UNTRAINED" in metrics["note"]
    relaxed = folder(tmp_path, "one") / f"relaxed_{best}.pdb"
    text = relaxed.read_text()
    assert text == (folder(tmp_path, "one") / "ranked_0.pdb").read_text() and "UNTRAINED" in text
    assert not (folder(tmp_path, "one") / f"relaxed_{second}.pdb").exists()
    hydrogens = [line for line in text.splitlines() if line.startswith("ATOM") and line[76:78].strip() == "H"]
    assert len(hydrogens) > 40

    def confidence(path):
        lines = path.read_text().splitlines()
        return [line[60:66] for line in lines if line.startswith("ATOM") and line[12:16] == " CA "]

    assert confidence(relaxed) == confidence(folder(tmp_path, "one") / f"unrelaxed_{best}.pdb")
    first = {path.name: path.read_bytes() for path in folder(tmp_path, "one").glob("*.pdb")}
    assert predict(PROTEIN, *options).code == 0
    assert {path.name: path.read_bytes() for path in folder(tmp_path, "one").glob("*.pdb")} == first
