"""The stored form of the inventory."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.model.inventory import Accepted, InventoryEntry, Removal
from envctl.model.objects import ObjectId
from envctl.planning.inventory import (
    FULL,
    Header,
    decode_header,
    decode_shard,
    encode_header,
    encode_shard,
    shard_count,
    shard_of,
)

text = st.text(max_size=20)
keys = st.builds(ObjectId, text, text, text, text)


@st.composite
def entries(draw: st.DrawFn) -> InventoryEntry:
    settled = draw(st.booleans())
    wanted = draw(text)
    return InventoryEntry(
        id=draw(keys),
        component=draw(text),
        wanted=wanted,
        blob=wanted if settled else draw(text),
        settled=settled,
        uid=draw(text),
        api_version=draw(text),
        fields=draw(text),
        prunable=draw(text),
        verdict=draw(text),
    )


shards = st.lists(entries(), unique_by=lambda entry: entry.id)


@given(shards)
def test_a_shard_reads_back_as_it_was_written(found: list[InventoryEntry]) -> None:
    """Round trip, sorted by identity."""
    assert decode_shard(encode_shard(found), "here") == tuple(sorted(found, key=lambda entry: entry.id))


@given(shards, st.randoms())
def test_the_bytes_do_not_depend_on_the_order(found: list[InventoryEntry], random: st.DataObject) -> None:
    """The same entries make the same bytes, so an unchanged shard is never written."""
    shuffled = list(found)
    random.shuffle(shuffled)
    assert encode_shard(shuffled) == encode_shard(found)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(Header(None, 1), id="before the first commit"),
        pytest.param(Header(Accepted("a" * 40, "b" * 40, 7, "c" * 40), 16), id="after one"),
        pytest.param(Header(None, 2, (Removal(5, 1), Removal(70, 3))), id="after removals"),
    ],
)
def test_a_header_reads_back_as_it_was_written(header: Header) -> None:
    """Round trip of the header."""
    assert decode_header(encode_header(header), "here") == header


@pytest.mark.parametrize(
    ("current", "objects", "expected"),
    [
        pytest.param(0, 0, 1, id="empty"),
        pytest.param(1, FULL, 1, id="just full"),
        pytest.param(1, FULL + 1, 2, id="one too many"),
        pytest.param(1, 20_000, 32, id="twenty thousand"),
        pytest.param(32, 3, 32, id="never shrinks"),
    ],
)
def test_shards_double_when_they_are_full(current: int, objects: int, expected: int) -> None:
    """The number of shards is a power of two that fits the entries."""
    assert shard_count(current, objects) == expected


def test_twenty_thousand_objects_fit() -> None:
    """No shard of 20,000 objects comes near the 1 MiB of a ConfigMap, and all are about as full."""
    count = shard_count(1, 20_000)
    filled: dict[int, list[InventoryEntry]] = {}
    for number in range(20_000):
        key = ObjectId("apps", "Deployment", f"team-{number % 40}", f"service-{number}")
        uid = f"{number * 2654435761 % 2**128:032x}"
        entry = InventoryEntry(key, "web", uid[:40], uid[:40], settled=True, uid=uid, api_version="apps/v1")
        filled.setdefault(shard_of(key, count), []).append(entry)
    assert max(len(encode_shard(found)) for found in filled.values()) < 100_000
    assert max(len(found) for found in filled.values()) < FULL


@given(keys, st.sampled_from([1, 2, 4, 8]))
def test_growing_moves_an_object_to_one_known_place(key: ObjectId, count: int) -> None:
    """When shards double, what was in shard n is in n or in n + count: nothing else has to move."""
    assert shard_of(key, 2 * count) in {shard_of(key, count), shard_of(key, count) + count}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"no gzip", "place: the inventory is damaged: Not a gzipped file (b'no')", id="no gzip"),
        pytest.param(
            gzip.compress(b"[]"), "place: the inventory is damaged: it is no JSON object", id="no object"
        ),
        pytest.param(
            gzip.compress(json.dumps({"schema": 2}).encode()),
            "place: the inventory has schema 2, this envctl knows 1",
            id="newer",
        ),
        pytest.param(
            gzip.compress(json.dumps({"schema": 1, "columns": ["kind"], "rows": [["A"]]}).encode()),
            "place: the inventory is damaged: a row lacks 'settled'",
            id="row",
        ),
        pytest.param(
            gzip.compress(b'{"schema": 1, "columns": ["kind", "settled"], "rows": [[["A"], 1]]}'),
            'place: the inventory is damaged: a row lacks a text where ["A"] stands',
            id="no text",
        ),
        pytest.param(
            gzip.compress(b" " * (17 << 20)),
            "place: the inventory is damaged: it unpacks to more than 16777216 bytes",
            id="bomb",
        ),
    ],
)
def test_a_damaged_shard_is_refused_by_name(data: bytes, message: str) -> None:
    """What cannot be read is an error, never an empty inventory."""
    with pytest.raises(InputError) as caught:
        decode_shard(data, "place")
    assert str(caught.value).splitlines()[0] == message


def test_columns_of_a_newer_envctl_are_skipped() -> None:
    """A column that is not known does not stop an older envctl from reading."""
    row = {
        "group": "", "kind": "Secret", "namespace": "a", "name": "b", "component": "c", "wanted": "w", "blob": "",
        "settled": 1, "uid": "u", "apiVersion": "v1", "fields": "f", "prunable": "", "later": "x",
    }  # fmt: skip
    data = json.dumps({"schema": 1, "columns": list(row), "rows": [list(row.values())]}).encode()
    assert decode_shard(gzip.compress(data), "here") == (
        InventoryEntry(
            ObjectId("", "Secret", "a", "b"),
            "c",
            "w",
            "w",
            settled=True,
            uid="u",
            api_version="v1",
            fields="f",
        ),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            '{"schema": 1, "shards": 1000000000}',
            "place: the inventory is damaged: it has 1000000000 shards, and 1 to 4096 are possible",
            id="more shards than can be",
        ),
        pytest.param(
            '{"schema": 1, "shards": 1, "revision": [], "tree": "", "sequence": 1, "root": ""}',
            "place: the inventory is damaged: its header lacks a text where [] stands",
            id="no text",
        ),
        *(
            pytest.param(
                text, "place: the inventory is damaged: its header has a number without end", id=name
            )
            for name, text in {
                "endless shards": '{"schema": 1, "shards": 1e999}',
                "an endless sequence": '{"schema": 1, "shards": 1, "revision": "", "tree": "", "root": "", '
                '"sequence": -1e999}',
                "an endless removal": '{"schema": 1, "shards": 1, "removals": [[Infinity, 1]]}',
            }.items()
        ),
    ],
)
def test_a_damaged_header_is_refused_by_name(text: str, message: str) -> None:
    """Whatever somebody wrote there, the agent says what is wrong instead of failing later."""
    with pytest.raises(InputError) as caught:
        decode_header(text, "place")
    assert str(caught.value).splitlines()[0] == message
