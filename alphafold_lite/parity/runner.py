"""Compare everything that a folder laid out like the reference set records with what this package computes."""

import argparse
import json
import sys
import time
import traceback
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alphafold_lite.common.errors import EXIT_INTERNAL, EXIT_OK, AlphaFoldLiteError, InputError, MissingResourceError
from alphafold_lite.parity.compare import Rule, Verdict, compare, compare_json, failure
from alphafold_lite.parity.produced import Context, Produced
from alphafold_lite.parity.registry import PRODUCERS, Producer, kind_of
from alphafold_lite.parity.report import NOT_COVERED, ArrayResult, failure_lines, summary_line, to_json

TOLERANCES_FILE, MASKS_FILE = "tolerances.json", "masks.npz"
DTYPES = {"float64": torch.float64, "float32": torch.float32}
_COLUMNS = {dtype: name for name, dtype in DTYPES.items()}  # of tolerances.json


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One folder of the reference set: the rules of the arrays and the exact JSON files that lie in it, for one type of numbers."""

    name: str
    folder: Path
    kind: str
    rules: Mapping[tuple[str, str], Rule]  # by file and array
    json_files: tuple[str, ...]

    def answers_to(self, part: str) -> bool:
        """Whether a word of `--only` means this case: its path, its folder's name or its kind."""
        return part.strip("/") in (self.name, self.folder.name, self.kind)


@dataclass(slots=True)
class _Recorded:
    """The recorded content of a case, read when asked for; masks apply to all files."""

    case: Case
    masks: dict[str, np.ndarray]
    files: dict[str, dict[str, np.ndarray]] = field(default_factory=dict[str, dict[str, np.ndarray]])

    def judge(self, produced: Produced) -> Verdict:
        """Compare one computed array or JSON content with its recording."""
        if produced.file in self.case.json_files:
            recorded = json.loads((self.case.folder / produced.file).read_text("utf-8"))
            return compare_json(produced.value, recorded)
        if produced.file not in self.files:
            self.files[produced.file] = read_arrays(self.case.folder / produced.file)
        if produced.name not in self.files[produced.file]:
            return failure("listed in the tolerances but not recorded")
        want = self.files[produced.file][produced.name]
        return compare(produced.value, want, self.case.rules[produced.file, produced.name], self.masks)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an npz file."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def find_cases(root: Path, dtype: str) -> list[Case]:
    """Every folder below (and including) `root` that has tolerances, by path.

    Raises:
        InputError: there is none.
    """
    found = [_read_case(root, path, dtype) for path in sorted(root.rglob(TOLERANCES_FILE))]
    if not found:
        raise InputError(
            f"a folder with {TOLERANCES_FILE} in it or below it",
            f"none in {root}",
            "give the folder of the reference set",
        )
    return found


def _read_case(root: Path, path: Path, dtype: str) -> Case:
    folder = path.parent
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    rules = {
        (file, name): Rule(kind=rule["kind"], mask=rule["mask"], tolerance=float(rule[dtype]))
        for file, arrays in content.get("files", {}).items()
        for name, rule in arrays.items()
    }
    json_files = tuple(content.get("json_exact", ()))
    kind = kind_of(folder, {file for file, _ in rules} | set(json_files))
    return Case(
        name=root.resolve().name if folder == root else folder.relative_to(root).as_posix(),
        folder=folder,
        kind=kind,
        rules={key: rule for key, rule in rules.items() if (folder / key[0]).is_file()},
        json_files=tuple(file for file in json_files if (folder / file).is_file()),
    )


@contextmanager
def true_float32() -> Generator[None]:
    """Matrix products in float32 without TF32 or bfloat16 inside."""
    products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        torch.backends.cudnn.allow_tf32 = convolutions


def run_case(case: Case, context: Context, producers: Mapping[str, Producer] = PRODUCERS) -> list[ArrayResult]:
    """Compute and compare one case. An exception fails what it left uncomputed, and its traceback goes to stderr."""
    verdicts: dict[tuple[str, str], Verdict] = {}
    left = NOT_COVERED
    if case.kind in producers:
        try:
            masks = case.folder / MASKS_FILE
            recorded = _Recorded(case, read_arrays(masks) if masks.is_file() else {})
            with torch.no_grad(), true_float32():
                for produced in producers[case.kind](case.folder, context):
                    key = produced.file, produced.name
                    if key in case.rules or produced.file in case.json_files:
                        verdicts[key] = recorded.judge(produced)
        except Exception as error:  # noqa: BLE001 (one case must not take the others with it)
            left = f"{type(error).__name__}: {error}"
            print(f"{case.name}: {left}", file=sys.stderr)
            traceback.print_exc(file=sys.stderr)
    wanted = {**case.rules, **{(file, file): Rule(kind="exact", mask=None, tolerance=0.0) for file in case.json_files}}
    return [_result(case, key, rule, verdicts.get(key, failure(left))) for key, rule in wanted.items()]


def _result(case: Case, key: tuple[str, str], rule: Rule, verdict: Verdict) -> ArrayResult:
    return ArrayResult(
        case=case.name,
        file=key[0],
        name=key[1],
        max_difference=verdict.max_difference,
        tolerance=rule.tolerance,
        ok=verdict.ok,
        note=verdict.note,
    )


def select_cases(cases: Sequence[Case], only: Sequence[str]) -> list[Case]:
    """The cases that any of the words means; all without words.

    Raises:
        InputError: a word means no case.
    """
    for part in only:
        if not any(case.answers_to(part) for case in cases):
            known = sorted({case.name for case in cases} | {case.kind for case in cases})
            raise InputError(f"a part out of {', '.join(known)}", part, "correct --only")
    return [case for case in cases if not only or any(case.answers_to(part) for part in only)]


def run(root: Path, context: Context, *, only: Sequence[str] = ()) -> Iterator[tuple[Case, list[ArrayResult], float]]:
    """Compare case by case: the case, the outcome of each recorded array, and the seconds it took.

    Raises:
        InputError: nothing to compare there, or a word of `only` means nothing.
    """
    for case in select_cases(find_cases(root, _COLUMNS[context.dtype]), only):
        start = time.perf_counter()
        results = run_case(case, context)
        yield case, results, time.perf_counter() - start


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="check_reference.py", description="Compare this package with a folder of golden values, array by array."
    )
    parser.add_argument(
        "directory", type=Path, metavar="DIR", help="laid out like the reference set; parts may be absent"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object with every array")
    parser.add_argument("--dtype", choices=sorted(DTYPES), default="float64")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--only", nargs="+", action="extend", default=[], metavar="PART", help="folder names or kinds")
    return parser.parse_args(arguments)


def _check(options: argparse.Namespace) -> int:
    if options.device == "cuda" and not torch.cuda.is_available():
        raise MissingResourceError("a CUDA device", "none", "use --device cpu")
    context = Context(dtype=DTYPES[options.dtype], device=torch.device(options.device))
    everything: list[ArrayResult] = []
    for case, results, seconds in run(options.directory, context, only=options.only):
        print(summary_line(case.name, results, seconds), file=sys.stderr if options.json else sys.stdout, flush=True)
        everything += results
    if options.json:
        print(to_json(everything))
    else:
        for line in failure_lines(everything):
            print(line)
    return EXIT_OK if all(result.ok for result in everything) else EXIT_INTERNAL


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `scripts/check_reference.py`: 0 everything agrees, 1 something does not, 2 usage, 4 no such device."""
    options = _parse(arguments)
    try:
        return _check(options)
    except AlphaFoldLiteError as error:
        print(error, file=sys.stderr)
        return error.exit_code
