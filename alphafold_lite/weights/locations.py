"""Where parameters lie on a machine, and under which file names."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from alphafold_lite.common.errors import MissingResourceError

VARIABLE = "ALPHAFOLD_LITE_PARAMS"
ARCHIVE_URL = "https://storage.googleapis.com/alphafold/alphafold_params_2022-12-06.tar"
OFFICIAL_LICENSE = "CC BY 4.0"
FILE_NAMES = ("params_{}.npz", "{}.safetensors", "{}.npz", "{}.pt")  # for a model of a name, the first that exists
BUNDLED = Path(__file__).parent / "bundled" / "lite.safetensors"
FIRST_CHOICE = "model_1_ptm"  # of several models, where none is named
SUBFOLDERS = ("", "params")  # AlphaFold's own scripts unpack into the second
_OFFICIAL = re.compile(r"(?:params_)?(model_[1-5](?:_ptm)?)")
_OPENFOLD = re.compile(r"(?:initial_training|finetuning)(_no_templ)?(_ptm)?(?:_\d+)?")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def user_data_folder(environment: Mapping[str, str], platform: str = sys.platform) -> Path:
    """The folder for parameters of the current user, by the habits of the platform."""
    home = Path(environment.get("USERPROFILE" if platform == "win32" else "HOME") or Path.home())
    if platform == "darwin":
        base = home / "Library" / "Application Support"
    elif platform == "win32":
        base = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        base = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "alphafold_lite" / "params"


def default_place(environment: Mapping[str, str] = os.environ) -> Path:
    """`$ALPHAFOLD_LITE_PARAMS` (a file or folder) if it is set, else the user data folder, which need not exist.

    Raises:
        MissingResourceError: the variable names something that does not exist.
    """
    named = environment.get(VARIABLE)
    if not named:
        return user_data_folder(environment)
    place = Path(named).expanduser()
    if not place.exists():
        raise MissingResourceError(f"parameters at ${VARIABLE}", f"nothing at {place}", f"correct or unset ${VARIABLE}")
    return place


def find_model(folder: Path, name: str) -> Path | None:
    """The file with the parameters of a model, if the folder has one."""
    if not _NAME.fullmatch(name):
        return None
    candidates = (folder / sub / pattern.format(name) for sub in SUBFOLDERS for pattern in FILE_NAMES)
    return next((path for path in candidates if path.is_file()), None)


def find_all(folder: Path) -> tuple[Path, ...]:
    """Files of official monomer models and own checkpoints, in order of their names, one per model."""
    models: dict[str, Path] = {}
    for sub in SUBFOLDERS:
        files = sorted((folder / sub).iterdir()) if (folder / sub).is_dir() else []
        for path in files:
            name = path.stem if path.suffix == ".safetensors" else official_name(path)
            if name is not None and path.suffix in (".npz", ".safetensors") and path.is_file():
                models.setdefault(name, path)
    return tuple(path for _, path in sorted(models.items()))


def official_name(path: Path) -> str | None:
    """The official model that a file is called after: `params_model_1_ptm.npz` -> `model_1_ptm`."""
    match = _OFFICIAL.fullmatch(path.stem)
    return match.group(1) if match else None


def openfold_preset(path: Path) -> str | None:
    """The official model of the shape of one of OpenFold's published files, or of a file called after an official model.

    `finetuning_*` and `initial_training` are shaped as model_1, `finetuning_no_templ_*` as model_3.
    """
    match = _OPENFOLD.fullmatch(path.stem)
    if match is None:
        return official_name(path)
    return f"model_{3 if match.group(1) else 1}{match.group(2) or ''}"


def how_to_get(folder: Path) -> str:
    """What a user can do about missing parameters, in one line."""
    return (
        f"run `mkdir -p '{folder}' && curl -L {ARCHIVE_URL} | tar -x -C '{folder}'` (about 5 GB, {OFFICIAL_LICENSE}), or set "
        f"${VARIABLE} to the folder that holds params_model_1_ptm.npz, or use --params random:0 for an untrained test run"
    )
