"""MTEB: the encoders as models, the whole system as a search model, and a collection's pages as a task.

    import mteb
    from mmrank.integrations.mteb import MtebEncoder, MtebSearch, page_task

    mteb.evaluate(MtebEncoder("minilm"), mteb.get_tasks(tasks=["NFCorpus"]))            # vectors alone
    mteb.evaluate(MtebSearch(), mteb.get_tasks(tasks=["VidoreDocVQARetrieval"]))        # reading, ranking, all of it

    task = page_task(library, questions)                                                # pages of your own, as ViDoRe
    mteb.evaluate(MtebSearch(library), task)

Extra: `pip install 'mmrank[mteb]'`.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrank import __version__
from mmrank.collection import Collection
from mmrank.errors import InputError, MissingExtraError, MmrankError
from mmrank.index import Filter
from mmrank.pictures import render
from mmrank.types import BBox, ImageRef, Part, PartKind, Passage, Query

try:
    from datasets import Dataset, Features, Image, Value
    from mteb.abstasks.retrieval import AbsTaskRetrieval
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.models.model_meta import ModelMeta, ScoringFunction
    from mteb.types import PromptType
except ModuleNotFoundError as error:
    raise MissingExtraError("mteb", "mteb") from error

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from mmrank.encoding import AnyEncoder

PAGE_PIXELS = 1_000_000
"""Of a page's picture in a task."""
NAME = "mmrank"
"""Before a model's name, where MTEB has its organisation."""


class MtebEncoder:
    """An encoder as MTEB's `EncoderProtocol`: one vector per text or picture, or one per token.

    Args:
        model: an encoder, or its name as `load_encoder` takes it.
        revision: of a model of the hub.
        device: auto, cpu, cuda, cuda:N or mps.
        settings: further arguments of `load_encoder`.
    """

    def __init__(
        self, model: str | AnyEncoder, revision: str | None = None, *, device: str | None = None, **settings: Any
    ) -> None:
        from mmrank.encoders import load_encoder

        if isinstance(model, str):
            model = load_encoder(model, revision=revision, device=device or "auto", **settings)
        self._encoder = model

    @property
    def mteb_model_meta(self) -> ModelMeta:
        """What MTEB writes beside the figures."""
        info = self._encoder.info
        return _meta(
            info.name,
            info.revision,
            max_tokens=info.max_tokens,
            embed_dim=info.dimension,
            similarity_fn_name=ScoringFunction.MAX_SIM if info.multi_vector else ScoringFunction.COSINE,
            modalities=["text", "image"] if info.reads_images else ["text"],
            model_type=["late-interaction"] if info.multi_vector else ["dense"],
        )

    def encode(
        self,
        inputs: Iterable[Mapping[str, Any]],
        *,
        task_metadata: TaskMetadata,
        hf_split: str,
        hf_subset: str,
        prompt_type: PromptType | None = None,
        **settings: Any,
    ) -> NDArray[np.float32] | torch.Tensor:
        """Encode batches.

        Args:
            inputs: batches with "text", "image" or both.
            task_metadata: of the task; not used.
            hf_split: of the task; not used.
            hf_subset: of the task; not used.
            prompt_type: queries are encoded as such, everything else as passages.
            settings: MTEB's batch size and the like; not used.

        Returns:
            (inputs, dimension), or (inputs, tokens, dimension) filled up with zeros for one vector per token.

        Raises:
            InputError: for pictures, where the encoder reads none.
        """
        import numpy as np

        with tempfile.TemporaryDirectory(prefix="mmrank-mteb-") as folder:
            entries = list(_entries(inputs, Path(folder)))
            if any(picture is not None and not text for text, picture in entries) and not self._reads_images:
                raise InputError(f"{self._encoder.info.name} reads no pictures; choose a vision-language encoder")
            if prompt_type == PromptType.query:
                found = self._encoder.encode_queries([Query(text, picture) for text, picture in entries])
            else:
                found = self._encoder.encode_passages(
                    [_passage(at, text, picture) for at, (text, picture) in enumerate(entries)]
                )
        if isinstance(found, np.ndarray):
            return found
        import torch

        return torch.nn.utils.rnn.pad_sequence([torch.from_numpy(one) for one in found], batch_first=True)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> torch.Tensor:
        """Cosine or, for one vector per token, MaxSim. (n, …) and (m, …) to (n, m)."""
        import torch

        first, second = torch.as_tensor(embeddings1), torch.as_tensor(embeddings2)
        if not self._encoder.info.multi_vector:
            return first @ second.T
        return torch.stack([_max_sim(query, second) for query in first])

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> torch.Tensor:
        """Cosine or MaxSim of each pair. (n, …) and (n, …) to (n,)."""
        import torch

        first, second = torch.as_tensor(embeddings1), torch.as_tensor(embeddings2)
        if not self._encoder.info.multi_vector:
            return (first * second).sum(-1)
        return torch.stack([_max_sim(one, other[None])[0] for one, other in zip(first, second, strict=True)])

    @property
    def _reads_images(self) -> bool:
        return self._encoder.info.reads_images


class MtebSearch:
    """The whole system as MTEB's `SearchProtocol`: documents are read, indexed, ranked and, if you like, reranked.

    Args:
        library: a collection whose pages are the corpus, as `page_task` has it. Without one, the corpus of each task
            is indexed: texts as text files, pictures as pictures, whose text is recognised.
        rerank: as `Collection.search` takes it.
        settings: of the collections that are made, as `Collection.create` takes them.
    """

    def __init__(self, library: Collection | None = None, *, rerank: str | None = None, **settings: Any) -> None:
        if library is not None and settings:
            raise InputError(f"{', '.join(settings)}: settings are for collections that are made here, not for yours")
        self._given = library
        self._rerank = rerank
        self._settings = settings
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._library: Collection | None = None
        self._ids: dict[str, list[str]] = {}

    @property
    def mteb_model_meta(self) -> ModelMeta:
        """What MTEB writes beside the figures."""
        return _meta(
            "search" if self._rerank is None else f"search-{self._rerank.replace(':', '-').replace('/', '-')}",
            __version__,
            modalities=["text", "image"],
        )

    def index(
        self,
        corpus: Dataset,
        *,
        task_metadata: TaskMetadata,
        hf_split: str,
        hf_subset: str,
        encode_kwargs: Any,
        num_proc: int | None = None,
        **further: Any,
    ) -> None:
        """Index a corpus, or make sure that the given collection holds it.

        Raises:
            InputError: when the given collection does not hold a document of the corpus.
            MmrankError: when a document cannot be read.
        """
        if self._given is not None:
            known = {f"{record.name}#{page + 1}" for record in self._given.documents() for page in range(record.pages)}
            lost = next((name for name in corpus["id"] if name not in known), None)
            if lost is not None:
                raise InputError(f"the collection {self._given.path} does not hold {lost} of {task_metadata.name}")
            self._library = self._given
            return
        self.close()
        self._folder = tempfile.TemporaryDirectory(prefix="mmrank-mteb-")
        home = Path(self._folder.name)
        (home / "files").mkdir()
        ids = {}
        for at, row in enumerate(corpus):
            ids[_write(home / "files", at, row)] = str(row["id"])
        self._library = Collection.create(home / "corpus.mmrank", **self._settings)
        report = self._library.add_files([(home / "files" / name, name) for name in ids])
        for name, why in report.failed.items():
            raise MmrankError(f"document {ids[name]} of {task_metadata.name} cannot be read: {why}")
        self._ids = {record.id: [ids[place.name] for place in record.places] for record in self._library.documents()}

    def search(
        self,
        queries: Dataset,
        *,
        task_metadata: TaskMetadata,
        hf_split: str,
        hf_subset: str,
        top_k: int,
        encode_kwargs: Any,
        top_ranked: Mapping[str, Sequence[str]] | None = None,
        num_proc: int | None = None,
        **further: Any,
    ) -> dict[str, dict[str, float]]:
        """Search the corpus that was indexed.

        Returns:
            By query, the documents found, with 1 / rank as score.

        Raises:
            InputError: before a corpus was indexed.
        """
        if self._library is None:
            raise InputError("search comes after index")
        largest = sum(record.pages for record in self._library.documents())
        found = {}
        for row in queries:
            allowed = None if top_ranked is None else set(top_ranked[row["id"]])
            hits = self._library.search(
                str(row["text"]),
                k=min(largest, top_k if allowed is None else largest),
                where=self._filter(allowed),
                rerank=self._rerank,
            )
            names = [
                name
                for hit in hits
                for name in self._names(hit.document_id, hit.document, hit.page_number)
                if allowed is None or name in allowed
            ]
            found[row["id"]] = {name: 1 / rank for rank, name in enumerate(list(dict.fromkeys(names))[:top_k], 1)}
        return found

    def close(self) -> None:
        """Delete the collection that was made for a corpus."""
        if self._folder is not None:
            if self._library is not None:
                self._library.close()
            self._folder.cleanup()
            self._folder = self._library = None

    def _names(self, document: str, name: str, page_number: int) -> list[str]:
        return self._ids[document] if self._given is None else [f"{name}#{page_number}"]

    def _filter(self, allowed: set[str] | None) -> Filter | None:
        if allowed is None:
            return None
        if self._given is not None:
            return Filter(names=tuple(sorted({name.rpartition("#")[0] for name in allowed})))
        return Filter(documents=tuple(one for one, names in self._ids.items() if allowed.intersection(names)))


def page_task(
    library: Collection,
    questions: Mapping[str, Iterable[tuple[str, int]]],
    *,
    name: str = "MmrankPages",
    description: str = "Pages of PDFs that answer a question.",
    pictures: bool = True,
) -> AbsTaskRetrieval:
    """The pages of a collection as a retrieval task like those of ViDoRe (arXiv:2407.01449): which page answers?

    Each page has its picture and its text; its id is "<document>#<page, from 1>". Nothing is downloaded.

    Args:
        library: the collection.
        questions: by question, the pages that answer it: names of documents and 1-based pages.
        name: of the task.
        description: of the task.
        pictures: with pictures; without them the task is one for texts.

    Raises:
        InputError: for no question, or a page that the collection does not hold.
        MmrankError: when a page cannot be drawn.
    """
    if not questions:
        raise InputError("a task needs questions")
    corpus = _corpus(library, pictures)
    known = set(corpus["id"])
    judged: dict[str, dict[str, int]] = {}
    for at, (question, pages) in enumerate(questions.items(), 1):
        names = [f"{document}#{page}" for document, page in pages]
        lost = next((one for one in names if one not in known), None)
        if lost is not None or not names:
            raise InputError(f"{library.path} does not hold {lost or 'a page'} that answers {question!r}")
        judged[f"q{at}"] = dict.fromkeys(names, 1)
    asked = Dataset.from_dict({"id": list(judged), "text": list(questions)})

    class PageTask(AbsTaskRetrieval):
        metadata = TaskMetadata(
            name=name,
            description=description,
            reference=None,
            dataset={"path": "local", "revision": __version__},
            type="DocumentUnderstanding" if pictures else "Retrieval",
            category="t2it" if pictures else "t2t",
            modalities=["text", "image"] if pictures else ["text"],
            eval_splits=["test"],
            eval_langs=["eng-Latn"],
            main_score="ndcg_at_5",
        )

        def load_data(self, num_proc: int | None = None, **further: Any) -> None:
            """Nothing is fetched: the data are those of the collection."""
            split = {"corpus": corpus, "queries": asked, "relevant_docs": judged, "top_ranked": None}
            self.dataset = {"default": {"test": split}}
            self.data_loaded = True

    return PageTask()


def _corpus(library: Collection, pictures: bool) -> Dataset:
    columns: dict[str, list[Any]] = {"id": [], "text": [], **({"image": []} if pictures else {})}
    for record in library.documents():
        for page in library.document(record.id).pages:
            columns["id"].append(f"{record.name}#{page.page_number}")
            columns["text"].append("\n".join(element.text for element in page.elements))
            if pictures:
                drawn = io.BytesIO()
                render(record.path, page.page, max_pixels=PAGE_PIXELS).save(drawn, "PNG")
                columns["image"].append({"bytes": drawn.getvalue(), "path": None})
    kinds = {"id": Value("string"), "text": Value("string"), **({"image": Image()} if pictures else {})}
    return Dataset.from_dict(columns, features=Features(kinds))


def _entries(inputs: Iterable[Mapping[str, Any]], folder: Path) -> Iterable[tuple[str, ImageRef | None]]:
    """Texts and pictures of batches; pictures are kept in files, as encoders read them."""
    count = 0
    for batch in inputs:
        texts, pictures = batch.get("text"), batch.get("image")
        for at in range(len(texts if texts is not None else pictures or ())):
            picture = None
            if pictures is not None:
                path = folder / f"{count}.png"
                pictures[at].convert("RGB").save(path)
                picture = ImageRef(str(path), 0)
            count += 1
            yield ("" if texts is None else str(texts[at])), picture


def _passage(at: int, text: str, picture: ImageRef | None) -> Passage:
    part = Part(PartKind.TEXT if picture is None else PartKind.IMAGE, text, ("p0e0",), picture)
    return Passage(f"mteb/{at}", "mteb", at, 0, (part,), ("p0e0",), (BBox(0, 0, 1, 1),))


def _write(folder: Path, at: int, row: Mapping[str, Any]) -> str:
    """One document of a corpus as a file; its name."""
    picture = row.get("image")
    if picture is not None:
        name = f"{at}.png"
        picture.convert("RGB").save(folder / name)
    else:
        name = f"{at}.txt"
        said = "\n\n".join(part for part in (row.get("title"), row.get("text")) if part)
        (folder / name).write_text(said or " ", encoding="utf-8")
    return name


def _max_sim(query: torch.Tensor, documents: torch.Tensor) -> torch.Tensor:
    """The best match of each token of the question, summed (ColBERT, arXiv:2004.12832). Zero rows are no tokens.

    (query tokens, dimension) and (documents, tokens, dimension) to (documents,).
    """
    similar = query @ documents.transpose(1, 2)  # (documents, query tokens, tokens)
    real = documents.any(-1)[:, None, :]
    best = similar.masked_fill(~real, float("-inf")).amax(-1)
    return best.masked_fill(~query.any(-1)[None], 0.0).sum(-1)


def _meta(name: str, revision: str, **known: Any) -> ModelMeta:
    blank = {
        "loader": None,
        "release_date": None,
        "languages": None,
        "n_parameters": None,
        "memory_usage_mb": None,
        "max_tokens": None,
        "embed_dim": None,
        "license": None,
        "open_weights": True,
        "public_training_code": None,
        "public_training_data": None,
        "framework": ["PyTorch"],
        "similarity_fn_name": None,
        "use_instructions": False,
        "training_datasets": None,
    }
    shown = name if name.count("/") == 1 else f"{NAME}/{name.replace('/', '-')}"
    return ModelMeta(**{**blank, "name": shown, "revision": revision or __version__, **known})
