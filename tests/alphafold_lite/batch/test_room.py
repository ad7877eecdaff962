"""Which target has room where, and which lengths are taken next."""

from types import SimpleNamespace

import pytest

from alphafold_lite.batch.journal import ANY_LENGTH
from alphafold_lite.batch.placement import Place
from alphafold_lite.batch.room import Room, needed_bytes
from alphafold_lite.predict.device import peak_bytes
from alphafold_lite.predict.folder import run_identity
from alphafold_lite.predict.predictor import Predictor
from tests.support.batches import UNTRAINED


def places(**free):
    """Books of places where a residue needs a byte."""
    room = Room()
    for name, amount in free.items():
        room.open(Place(name=name, free=amount))
    return room


def fits(room, num_res, place, all_known=True, **in_hand):
    return room.fits(num_res, place, in_hand, all_known=all_known)


def test_long_targets_only_where_there_is_room():
    room = places(small=80, large=800)
    assert fits(room, 80, "small") and fits(room, 800, "large")
    assert not fits(room, 81, "small")
    assert not fits(room, 500, "large", large=400) and fits(room, 500, "large", small=400)
    assert fits(places(), 10**9, "anywhere", anywhere=1e15)  # nothing is known of it
    assert fits(places(somewhere=None, small=80), 10**9, "somewhere")


def test_what_is_too_large_for_all_goes_to_the_largest_alone():
    room = places(small=80, large=800)
    assert fits(room, 900, "large") and not fits(room, 900, "small")
    assert not fits(room, 900, "large", large=1.0)
    assert not fits(room, 900, "large", all_known=False)  # there may be one with room
    room.keep(["small"])  # the other machine is gone
    assert fits(room, 900, "small") and not fits(room, 900, "small", all_known=False)


def test_of_several_accounts_of_a_place_the_lowest_counts():
    room = places(cpu=90, other=1000)
    for free in (50, 70):
        room.open(Place(name="cpu", free=free))
    assert fits(room, 50, "cpu") and not fits(room, 51, "cpu")


def test_the_length_that_all_places_have_room_for():
    assert places().common_length is None and places(a=300, b=300).common_length is None
    room = places(a=300, b=300, c=450)
    assert room.common_length == 300 and room.is_common(300) and not room.is_common(301)
    room.needed = lambda num_res: num_res**2 / 10
    assert room.common_length == 54
    room.keep(["a", "b"])
    assert room.common_length is None and room.is_common(10**6)


@pytest.mark.parametrize(
    ("lengths", "wanted"),
    [
        ([], (ANY_LENGTH,)),
        ([400], (ANY_LENGTH,)),
        ([400, 400], (300, ANY_LENGTH)),  # enough of those that only one place has room for
        ([400, 400, 20, 20], (300, ANY_LENGTH)),
        ([400, 400, 20, 20, 20], (300,)),
        ([400] * 5, (300,)),
        ([400] * 5 + [20] * 4, (300,)),
        ([400] * 5 + [20] * 5, ()),
        ([400] + [20] * 4, ()),
    ],
)
def test_short_targets_are_taken_past_those_that_wait_for_the_large_place(lengths, wanted):
    assert places(small=300, large=1000).wanted(lengths, limit=5, limit_longer=2) == wanted
    alike = places(one=300, two=300).wanted(lengths, limit=5, limit_longer=2)
    assert alike == ((ANY_LENGTH,) if len(lengths) < 5 else ())


def test_memory_needed_is_that_of_the_largest_network_with_all_of_its_rows():
    predictor = Predictor("random:0", settings=UNTRAINED)
    identity, config = run_identity(predictor), predictor.models[0].network.config
    rows = predictor.models[0].sampling
    expected = peak_bytes(config, num_res=200, num_clusters=rows.max_clusters, num_extra=rows.max_extra)
    assert needed_bytes(identity)(200) == expected
    larger = config.to_json_dict() | {"pair_channels": 10 * config.pair_channels}
    several = SimpleNamespace(
        configuration={
            "networks": {"one": config.to_json_dict(), "two": larger},
            "sampling": dict.fromkeys(("one", "two"), identity.configuration["sampling"]["untrained_tiny"]),
        }
    )
    assert needed_bytes(several)(200) > expected
