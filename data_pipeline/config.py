"""What a search is asked for: one frozen configuration, checked when it is made. Nothing is opened or read here."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from alphafold_lite.common.errors import InputError
from data_pipeline.search.server.settings import DEFAULT_URL
from data_pipeline.templates.selection import TemplateConfig

MsaMode = Literal["embedded", "jackhmmer", "hhblits", "mmseqs2", "server", "single"]
MSA_MODES: tuple[MsaMode, ...] = get_args(MsaMode)
DEFAULT_SERVER = (
    "https://api.colabfold.com"  # public, run by the authors of ColabFold; `search.server.settings` has the same
)
LIBRARY, NO_TEMPLATES = "library", "none"
AUTO = "auto"


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchConfig:
    """Where relatives of a query are looked for.

    Args:
        msa_modes: searches whose rows are put one below the other; `single` stands alone and searches nothing. None: the programs that
            read the databases named, or `embedded` where none is.
        databases: `PATH` or `PATH:NAME`, for the programs among the modes.
        data_dir: a folder as AlphaFold's download scripts leave it; its databases serve the modes and the templates.
        library: a folder made by `library build`; None: the embedded one.
        templates: `library`, `none`, or the path of a PDB70-like HH-suite database, of sequences of the PDB in FASTA, or of a library.
        template_files: structures of the user, before all others.
        selection: which hits may become templates.
        require_template: finding none is an error.
        cache: folder of finished searches; None: the user's cache folder.
        use_cache: whether finished searches are kept and used again.
        threads: of embedded searches and programs; results do not depend on it. None: as many as this process may use.

    Raises:
        InputError: settings that contradict each other.
    """

    msa_modes: tuple[MsaMode, ...] | None = None
    databases: tuple[str, ...] = ()
    data_dir: Path | None = None
    library: Path | None = None
    templates: str = LIBRARY
    template_files: tuple[Path, ...] = ()
    selection: TemplateConfig = field(default_factory=TemplateConfig)
    require_template: bool = False
    server_url: str = DEFAULT_URL
    server_contact: str = ""
    cache: Path | None = None
    use_cache: bool = True
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.msa_modes is not None and "single" in self.msa_modes and len(self.msa_modes) > 1:
            raise InputError("--msa-mode single alone", repr(",".join(self.msa_modes)), "leave one of them out")
        if self.require_template and self.templates == NO_TEMPLATES and not self.template_files:
            action = "leave --require-template out, or allow templates"
            raise InputError("templates to require", "--templates none and no --template", action)
        if self.threads is not None and self.threads < 1:
            raise InputError("at least one thread", str(self.threads), "give a larger number")

    @property
    def searches_nothing(self) -> bool:
        """Whether no sequence is compared with any other."""
        return self.msa_modes == ("single",) and self.templates == NO_TEMPLATES and not self.template_files


def check_offline(search: SearchConfig) -> None:
    """Refuse a search that would go over the internet; all but the MSA server read local files.

    Raises:
        InputError: the server is among the modes.
    """
    if search.msa_modes is not None and "server" in search.msa_modes:
        raise InputError("searches on this machine with --offline", "--msa-mode server", "leave one of them out")


def parse_modes(text: str) -> tuple[MsaMode, ...] | None:
    """`embedded,jackhmmer` as modes; None for `auto`.

    Raises:
        InputError: no mode, an unknown one, or one twice.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == [AUTO]:
        return None
    modes: tuple[MsaMode, ...] = tuple(known for name in names for known in MSA_MODES if known == name)
    if not modes or len(modes) < len(names) or len(set(modes)) < len(modes):
        expected = f"--msa-mode auto, or some of {', '.join(MSA_MODES)}, each once, with commas"
        raise InputError(expected, repr(text), "correct the option")
    return modes
