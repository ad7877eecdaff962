"""Commands in processes where every internet socket is noted and refused, in the parent and in all that it starts."""

import os
import subprocess
import sys

# Read by every Python interpreter at its start, worker processes included. Sockets between processes of this machine (AF_UNIX) are let through.
GUARD = """
import os, socket, sys

def refuse(event, arguments):
    if event == "socket.getaddrinfo" or (
        event in ("socket.connect", "socket.sendto", "socket.bind") and arguments[0].family != socket.AF_UNIX
    ):
        with open(os.environ["INTERNET_NOTES"], "a") as notes:
            notes.write(f"{os.getpid()} {event} {arguments[1:]}\\n")
        raise OSError("no internet here")

sys.addaudithook(refuse)
with open(os.environ["INTERNET_NOTES"] + ".guarded", "a") as notes:
    notes.write(f"{os.getpid()}\\n")
"""


class Guarded:
    """Runs commands of `alphafold-lite`.

    Args:
        folder: for the guard and its notes.
    """

    def __init__(self, folder):
        (folder / "guard").mkdir()
        (folder / "guard" / "sitecustomize.py").write_text(GUARD)
        self._notes, self._path = folder / "internet", str(folder / "guard")

    @property
    def attempts(self):
        """What tried to reach the internet: a line each, beginning with the process id."""
        return self._notes.read_text().splitlines() if self._notes.exists() else []

    @property
    def num_interpreters(self):
        """How many were started under the guard."""
        return len(set((self._notes.parent / f"{self._notes.name}.guarded").read_text().split()))

    def run(self, *arguments):
        """A command of `alphafold-lite`: the process that ended, with its output as text."""
        return self.run_code("from alphafold_lite.cli.main import entry; entry()", *map(str, arguments))

    def run_code(self, code, *arguments, folder=None):
        """Python code in a process of its own."""
        path = os.pathsep.join(filter(None, (self._path, os.environ.get("PYTHONPATH"))))
        environment = dict(os.environ) | {"PYTHONPATH": path, "INTERNET_NOTES": str(self._notes)}
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, timeout=300, check=False
        )
