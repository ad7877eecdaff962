"""Errors a user can act on: what was expected, what was found, what to do, and the exit code that goes with it."""

EXIT_OK = 0
EXIT_INTERNAL = 1
EXIT_INPUT = 2
EXIT_SOME_FAILED = 3
EXIT_MISSING = 4
EXIT_INTERRUPTED = 130


class AlphaFoldLiteError(Exception):
    """Base of every error that is reported as one line.

    Args:
        expected: what the program needed, as a noun phrase.
        found: what it met instead.
        action: what the user can do, as an imperative.
    """

    exit_code = EXIT_INTERNAL

    def __init__(self, expected: str, found: str, action: str) -> None:
        self.expected, self.found, self.action = expected, found, action
        super().__init__(f"expected {expected}, found {found}; {action}")


class InputError(AlphaFoldLiteError):
    """Usage or input that cannot be used (exit code 2)."""

    exit_code = EXIT_INPUT


class TargetError(AlphaFoldLiteError):
    """One target of several failed; the rest go on (exit code 3)."""

    exit_code = EXIT_SOME_FAILED


class MissingResourceError(AlphaFoldLiteError):
    """Parameters, a tool or a device that is not there (exit code 4)."""

    exit_code = EXIT_MISSING
