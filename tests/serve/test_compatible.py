"""The shapes of other services, asked by those services' own clients over a real port."""

from collections.abc import Iterator

import numpy as np
import pytest
from served import running

import mmrank
from mmrank.serve import ServeSettings, create_app
from mmrank.types import Query

TEXTS = ["The cat sat on the mat.", "Berlin is the capital of Germany.", "Paris lies in France."]


@pytest.fixture(scope="module")
def address(made_library) -> Iterator[str]:
    with running(create_app({"library": made_library}, ServeSettings(read_only=True))) as url:
        yield url


def test_openais_client_gets_the_vectors_of_a_collections_encoder(address, made_library) -> None:
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0)
    assert [model.id for model in client.models.list()] == ["minilm"]
    answer = client.embeddings.create(model="minilm", input=TEXTS)
    found = np.array([item.embedding for item in answer.data])
    assert found.shape == (3, 384) and np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    plain = client.embeddings.create(model="minilm", input=TEXTS[0], encoding_format="float")
    assert np.allclose(plain.data[0].embedding, found[0], atol=1e-5) and plain.usage.total_tokens == 7
    question = client.embeddings.create(model="minilm", input="Where?", extra_body={"input_type": "query"})
    with mmrank.Collection.open(made_library, read_only=True) as library:
        expected = library.encoder.encode_queries([Query("Where?")])
    assert np.allclose(question.data[0].embedding, expected[0], atol=1e-4)
    with pytest.raises(openai.NotFoundError, match="v1/models"):
        client.embeddings.create(model="text-embedding-3-small", input="a")
    with pytest.raises(openai.UnprocessableEntityError, match="input"):
        client.embeddings.create(model="minilm", input=["a", " "])


@pytest.mark.parametrize("version", ["Client", "ClientV2"])
def test_coheres_client_gets_texts_in_order(address, version) -> None:
    cohere = pytest.importorskip("cohere")
    client = getattr(cohere, version)(api_key="any", base_url=address)
    question = "What is the capital of Germany?"
    answer = client.rerank(model="late-interaction", query=question, documents=TEXTS, top_n=2)
    assert [result.index for result in answer.results] == [1, 2]
    first, second = (result.relevance_score for result in answer.results)
    assert 1 >= first > second >= 0
    with pytest.raises(cohere.errors.ForbiddenError, match="not for clients to name"):
        client.rerank(model="cross-encoder:someone/model", query=question, documents=TEXTS)


def test_texts_may_come_as_objects_and_go_back(client) -> None:
    body = {"query": "capital of Germany", "documents": [{"text": text} for text in TEXTS], "return_documents": True}
    results = client.post("/v1/rerank", json=body).json()["results"]
    assert results[0]["document"]["text"] == TEXTS[1] and len(results) == 3
    assert client.post("/v1/rerank", json={"query": "a", "documents": []}).status_code == 422
    assert client.post("/v1/rerank", json={"query": " ", "documents": ["a"]}).status_code == 422
