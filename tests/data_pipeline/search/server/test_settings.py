"""What a user may say about a server."""

import pytest

from alphafold_lite.common.errors import InputError
from data_pipeline.search.server.settings import ServerSettings


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "file:///etc/passwd",
        "ftp://example.org",
        "http://",
        "http://u:p@example.org",
        "http://a/?q",
        "http://a:x",
    ],
)
def test_unusable_addresses(url):
    with pytest.raises(InputError, match="--server-url"):
        ServerSettings(url=url, contact="me@example.org")


@pytest.mark.parametrize("contact", ["", "  ", "a\r\nX-Evil: 1", "ü@example.org", "x" * 201])
def test_a_contact_is_needed(contact):
    with pytest.raises(InputError, match="a contact"):
        ServerSettings(contact=contact)
