"""What a search reads of a collection: documents piece by piece, and arrays that are kept between questions."""

import asyncio

import pytest

import mmrank
from mmrank.index import Store
from mmrank.retrieve.array_checks import fit_together
from mmrank.retrieve.feature_cache import FeatureCache
from mmrank.retrieve.prepared import ARRAYS_VERSION

TEXTS = {
    "ferries.txt": "Ferries sail at noon and carry 1,234,567 bags of rye.",
    "frost.txt": "The frost closed the harbour for two weeks.",
    "lamps.txt": "Lamps are lit from four in the afternoon.",
}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    with mmrank.Collection.create(folder / "c.mmrank", ocr=False, workers=1) as made:
        made.add(*(folder / name for name in TEXTS))
        yield made


@pytest.fixture
def snapshot(library):
    with Store.open(library.path, read_only=True) as store, store.snapshot() as opened:
        yield opened


def test_a_stored_document_reads_like_the_whole_one(library, snapshot):
    question = library.understand("When do ferries sail?")
    for record in library.documents():
        [features] = FeatureCache().pool(snapshot, [record.id], question).documents
        stored, whole = features.document, snapshot.document(record.id)
        assert (stored.id, stored.name) == (whole.id, whole.name)
        assert tuple(stored.pages) == whole.pages and tuple(stored.passages) == whole.passages
        assert dict(stored.handles) == dict(whole.handles)
        element = whole.pages[0].elements[0]
        assert stored.element(element.id) == element
        assert stored.resolve("page 1") == whole.resolve("page 1") != ()
        for missing in ("p0e99", "p9e0", "none"):
            with pytest.raises(KeyError):
                stored.element(missing)


def test_what_is_prepared_when_a_document_is_added_is_what_a_search_uses(library, snapshot):
    for record in library.documents():
        arrays = snapshot.arrays(record.id, ARRAYS_VERSION)
        assert arrays is not None and fit_together(arrays)


def test_the_documents_used_last_are_kept(library, snapshot):
    question = library.understand("When do ferries sail?")
    first, second, third = (record.id for record in library.documents())

    def arrays_of(cache, *documents):
        return [one.prepared for one in cache.pool(snapshot, documents, question).documents]

    sizes = [one.nbytes for one in arrays_of(FeatureCache(), first, second, third)]
    cache = FeatureCache(limit=sum(sorted(sizes)[1:]))
    one, two = arrays_of(cache, first, second)
    assert arrays_of(cache, first) == [one]
    arrays_of(cache, third)  # the second was used longest ago
    assert arrays_of(cache, first) == [one]
    assert arrays_of(cache, second) != [two]

    tiny = FeatureCache(limit=1)
    held = arrays_of(tiny, first, second, third)
    assert len(held) == 3 and arrays_of(tiny, third) == [held[2]]


def test_searches_in_an_event_loop_find_what_searches_do(library):
    questions = ["When do ferries sail?", "Who carries 1234567 bags?", "What did the frost close?"]

    async def ask():
        several = await library.asearch_many(questions, k=2)
        return several, await asyncio.gather(*(library.asearch(question, k=2) for question in questions))

    several, single = asyncio.run(ask())
    wanted = [[(hit.document, hit.page) for hit in library.search(question, k=2)] for question in questions]
    for found in (several, single):
        assert [[(hit.document, hit.page) for hit in hits] for hits in found] == wanted
    assert [hits[0].document for hits in several] == ["ferries.txt", "ferries.txt", "frost.txt"]
