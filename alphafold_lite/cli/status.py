"""`status`: where a batch stands, asked from another terminal."""

import json
from pathlib import Path
from typing import Annotated

import typer

from alphafold_lite.cli import options
from alphafold_lite.cli.terminal import one_line

Out = Annotated[Path, typer.Argument(metavar="OUT", help="The output folder of a batch.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def status(out: Out, as_json: Json = False, debug: options.Debug = False) -> None:
    """Say how far a batch has come, whether it is running or not."""
    from alphafold_lite.batch.status import status as read  # here, so that --help does not wait for torch
    from alphafold_lite.cli.batch_progress import duration

    found = read(out)
    if as_json:
        print(json.dumps(found.to_json_dict()))
        return
    targets = found.targets
    at_work = "running" if found.is_running else f"not running ({found.run.get('ended') or 'stopped'})"
    searched = f", {targets['searched']} searched" if "searched" in targets else ""
    total = sum(targets.values())
    print(f"{out}: {at_work}; {targets['done']} of {total} targets done, {targets['failed']} failed{searched}")
    for one in found.shards:
        if one.targets is not None:
            standing = "running" if one.is_running else "not running"
            states = ", ".join(f"{number} {state}" for state, number in one.targets.items() if number)
            print(f"  shard {one.shard}: {standing}; {states or 'no targets'}")
    if found.missing:
        print(f"  shards without a journal here: {', '.join(found.missing)}")
    for stage, states in found.stages.items():
        print(f"  {stage}: {', '.join(f'{number} {state}' for state, number in sorted(states.items()))}")
    if found.rate:
        left = "" if found.seconds_left is None else f", {duration(found.seconds_left)} left"
        print(f"  {60 * found.rate:.1f} targets a minute{left}")
    for name, reason in found.failures:
        print(f"  {name}: {one_line(reason)}")
