"""Time and memory of the embedded searches: start-up, then seconds a query by length and threads.

    python tests/benchmarks/bench_search.py [--queries 8] [--threads 1 2]

Queries are chains of the library joined end to end and cut to length, so that every length has relatives; nothing is left out or cached.
Prints one JSON object. Run it alone on the machine.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from data_pipeline.config import SearchConfig
from data_pipeline.search.base import Query
from data_pipeline.searcher import Found, Searcher

LENGTHS = (50, 150, 300, 600)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=int, default=8)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    report: dict[str, object] = {}
    began = time.perf_counter()
    searcher = Searcher(SearchConfig(use_cache=False, threads=1))
    library = searcher.library
    letters = "".join(library.chain_sequences)
    report["open_s"] = round(time.perf_counter() - began, 2)
    first = Query(name="first", sequence=library.chain_sequences[0])
    began = time.perf_counter()
    searcher.engines[0].run(first)
    report["first_msa_s"] = round(time.perf_counter() - began, 2)
    began = time.perf_counter()
    searcher.library_hits(first)
    report["first_scan_and_profiles_s"] = round(time.perf_counter() - began, 2)
    report["memory_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    rng = np.random.default_rng(0)
    starts = rng.integers(0, len(letters) - max(LENGTHS), args.queries)
    for threads in args.threads:
        searcher = Searcher(SearchConfig(use_cache=False, threads=threads))
        searcher.library_hits(first)
        searcher.engines[0].run(first)
        for length in LENGTHS:
            calls = {
                "msa": searcher.engines[0].run,
                "scan": searcher.scan.scan,
                "scan_and_profiles": searcher.library_hits,
                "templates": templates_of(searcher),
            }
            times: dict[str, list[float]] = {name: [] for name in calls}
            for start in starts:
                query = Query(name="q", sequence=letters[start : start + length])
                for name, call in calls.items():
                    began = time.perf_counter()
                    call(query)
                    times[name].append(time.perf_counter() - began)
            report[f"{length}_residues_{threads}_threads"] = {
                name: {"median_s": round(float(np.median(t)), 3), "max_s": round(max(t), 3)}
                for name, t in times.items()
            }
    print(json.dumps(report, indent=1))


def templates_of(searcher: Searcher) -> Callable[[Query], Found]:
    """Both searches of the library and template features, without the alignment."""
    return lambda query: searcher.gather(query, given=())


if __name__ == "__main__":
    main()
