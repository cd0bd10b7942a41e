import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import mmrank
from mmrank.index import Filter
from mmrank.ingest import Outcome, read_documents


def test_questions_about_the_samples_find_their_page(library: mmrank.Collection, make_samples: ModuleType) -> None:
    wrong = []
    for question in make_samples.QUESTIONS:
        best = library.search(question.text, k=1)[0]
        if (best.document, best.page) != (question.document, question.page):
            wrong.append(question.text)
    assert len(wrong) <= 2, wrong


def test_a_hit_names_page_boxes_and_snippet(library: mmrank.Collection) -> None:
    hit = library.search("What does error code E2 of the dehumidifier mean?", k=1)[0]
    assert hit.page_number == hit.page + 1 == 6
    page = library.document(hit.document).pages[hit.page]
    assert hit.boxes
    for box in hit.boxes:
        assert 0 <= box.x0 < box.x1 <= page.width and 0 <= box.y0 < box.y1 <= page.height
    assert "E2" in hit.snippet


def test_a_hit_draws_its_page_with_the_evidence_marked(library: mmrank.Collection) -> None:
    hit = library.search("What does error code E2 of the dehumidifier mean?", k=1)[0]
    assert hit.picture is not None
    marked, plain = hit.image(max_pixels=200_000), hit.picture.open(max_pixels=200_000)
    assert marked.size == plain.size and marked.width * marked.height <= 200_000
    assert marked.tobytes() != plain.tobytes()


def test_every_signal_behind_a_score_is_told(library: mmrank.Collection) -> None:
    hit = library.search("How long may the drainage hose be?", k=1)[0]
    assert {"lexical", "dense"} <= set(hit.scores)


def test_k_bounds_the_number_of_hits(library: mmrank.Collection) -> None:
    assert len(library.search("ferry", k=3)) == 3


def test_hits_come_best_first_and_pages_once(library: mmrank.Collection) -> None:
    hits = library.search("passengers", k=10)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len({(hit.document, hit.page) for hit in hits}) == len(hits)


def test_a_filter_keeps_other_documents_out(library: mmrank.Collection) -> None:
    hits = library.search("error code", k=5, where=Filter(names=("harbour-letter-1987.pdf",)))
    assert {hit.document for hit in hits} == {"harbour-letter-1987.pdf"}


def test_a_search_in_one_named_document_is_its_ranking(library: mmrank.Collection) -> None:
    name, question = "brisa-dehumidifier-manual.pdf", "What does error code E2 mean?"
    hits = library.search(question, k=3, where=Filter(names=(name,)))
    ranking = library.rank_document(name, question)
    assert [hit.page for hit in hits] == ranking.order()[:3].tolist()
    assert [hit.score for hit in hits] == sorted(ranking.scores.tolist(), reverse=True)[:3]
    assert hits[0].confidence > library.search(question, k=1)[0].confidence  # which document is meant is known


def test_one_document_can_be_ranked_page_by_page(library: mmrank.Collection) -> None:
    ranking = library.rank_document("brisa-dehumidifier-manual.pdf", "What does error code E2 mean?")
    assert ranking.scores.shape == (len(library.document("brisa-dehumidifier-manual.pdf").pages),)
    assert ranking.order()[0] == 5
    assert ranking.evidence(limit=3)[0].element.page == 5


def test_a_collection_opens_again_in_another_process(library_path: Path) -> None:
    program = (
        "import mmrank, sys; library = mmrank.Collection.open(sys.argv[1]);"
        "print(library.search('How long may the drainage hose be?', k=1)[0].document)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(library_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "brisa-dehumidifier-manual.pdf"


@pytest.fixture
def own(library_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(library_path, tmp_path / "own.mmrank"))


def test_adding_the_same_folder_twice_changes_nothing(own: Path, samples: Path) -> None:
    with mmrank.Collection.open(own) as library:
        before = library.documents()
        report = library.add(samples)
        assert len(report.unchanged) == 5 and not (report.added or report.replaced or report.failed)
        assert library.documents() == before


def test_a_removed_document_is_found_no_more(own: Path) -> None:
    with mmrank.Collection.open(own) as library:
        assert library.remove("brisa-dehumidifier-manual.pdf") == 1
        hits = library.search("How long may the drainage hose be?", k=5)
        assert "brisa-dehumidifier-manual.pdf" not in {hit.document for hit in hits}
        assert len(library) == 4


def test_removing_an_unknown_document_removes_nothing(own: Path) -> None:
    with mmrank.Collection.open(own) as library:
        with pytest.raises(mmrank.InputError, match=r"did you mean harbour-letter-1987\.pdf"):
            library.remove("brisa-dehumidifier-manual.pdf", "harbour-leter-1987.pdf")
        assert len(library) == 5


def test_a_changed_file_replaces_what_was_read_from_it_before(tmp_path: Path) -> None:
    file = tmp_path / "note.md"
    with mmrank.Collection.create(tmp_path / "notes.mmrank") as library:
        file.write_text("# Garden\n\nThe hedgehog sleeps under the oak.\n")
        library.add(file)
        file.write_text("# Garden\n\nThe hedgehog has moved to the shed.\n")
        report = library.add(file)
        assert report.replaced == ["note.md"]
        assert len(library) == 1
        assert "shed" in library.search("Where is the hedgehog?", k=1)[0].snippet


def test_the_same_content_under_two_names_is_stored_once(tmp_path: Path) -> None:
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text("The same words.\n")
    with mmrank.Collection.create(tmp_path / "c.mmrank") as library:
        report = library.add(tmp_path / "a.md", tmp_path / "b.md")
        assert report.added == ["a.md"] and report.duplicates == {"b.md": "a.md"}


def test_the_same_bad_content_under_two_names_fails_under_both(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.pdf"):
        (tmp_path / name).write_bytes(b"this is no PDF")
    with mmrank.Collection.create(tmp_path / "c.mmrank") as library:
        report = library.add(tmp_path)
        assert set(report.failed) == {"a.pdf", "b.pdf"} and not report.duplicates


def test_files_of_one_name_in_two_folders_are_both_kept(tmp_path: Path) -> None:
    with mmrank.Collection.create(tmp_path / "c.mmrank") as library:
        for folder in ("north", "south"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "report.md").write_text(f"This is the {folder}.\n")
            library.add(tmp_path / folder / "report.md")
        assert [record.name for record in library.documents()] == ["report.md", "south/report.md"]


def texts(library: mmrank.Collection) -> dict[str, str]:
    return {record.name: library.document(record.name).passages[0].text for record in library.documents()}


def test_files_of_one_name_get_as_many_folders_as_it_takes(tmp_path: Path) -> None:
    folders = ("c/a", "d/a", "d/b")
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "report.md").write_text(f"This is {folder}.\n")
    with mmrank.Collection.create(tmp_path / "c.mmrank") as library:
        report = library.add(*(tmp_path / folder for folder in folders))
        assert sorted(report.added) == ["a/report.md", "b/report.md", "report.md"]
        again = library.add(tmp_path / "d/a")
        assert again.unchanged == ["a/report.md"] and not again.replaced
        assert sorted(texts(library).values()) == ["This is c/a.", "This is d/a.", "This is d/b."]


def test_a_renamed_file_is_known_and_its_old_name_is_free(tmp_path: Path) -> None:
    (tmp_path / "y.md").write_text("Bananas are yellow.\n")
    with mmrank.Collection.create(tmp_path / "c.mmrank") as library:
        library.add(tmp_path / "y.md")
        (tmp_path / "y.md").rename(tmp_path / "z.md")
        (tmp_path / "y.md").write_text("Cherries are red.\n")
        report = library.add(tmp_path / "y.md", tmp_path / "z.md")
        assert report.moved == {"z.md": "y.md"} and report.added == ["y.md"]
        assert texts(library) == {"z.md": "Bananas are yellow.", "y.md": "Cherries are red."}
        assert library.record("z.md").path == str(tmp_path / "z.md")


def test_two_files_that_change_names_change_them_in_the_collection(tmp_path: Path) -> None:
    x, y = tmp_path / "x.md", tmp_path / "y.md"
    x.write_text("Apples.\n")
    y.write_text("Bananas.\n")
    with mmrank.Collection.create(tmp_path / "c.mmrank") as library:
        library.add(x, y)
        x.write_text("Bananas.\n")
        y.write_text("Apples.\n")
        assert library.add(x, y).moved == {"x.md": "y.md", "y.md": "x.md"}
        assert texts(library) == {"x.md": "Bananas.", "y.md": "Apples."}
        assert library.search("Apples", k=1)[0].document == "y.md"


def test_what_a_file_held_before_it_became_a_twin_is_gone(tmp_path: Path) -> None:
    x, y = tmp_path / "x.md", tmp_path / "y.md"
    x.write_text("Apples.\n")
    y.write_text("Bananas.\n")
    with mmrank.Collection.create(tmp_path / "c.mmrank") as library:
        library.add(x, y)
        x.write_text("Bananas.\n")
        assert library.add(x, y).duplicates == {"x.md": "y.md"}
        assert texts(library) == {"y.md": "Bananas."}


def test_a_moved_folder_is_known_and_drawn_from_its_new_place(tmp_path: Path, samples: Path) -> None:
    shutil.copytree(samples, tmp_path / "one")
    with mmrank.Collection.create(tmp_path / "c.mmrank") as library:
        library.add(tmp_path / "one")
        assert library.search("error code E2")[0].image(max_pixels=10_000)
        (tmp_path / "one").rename(tmp_path / "two")
        report = library.add(tmp_path / "two")
        assert len(report.moved) == 5 and not (report.added or report.replaced or report.duplicates)
        assert library.search("error code E2")[0].image(max_pixels=10_000)


def test_a_file_that_changed_is_not_drawn_for_what_it_held(tmp_path: Path, samples: Path) -> None:
    letter = tmp_path / "letter.pdf"
    shutil.copy(samples / "harbour-letter-1987.pdf", letter)
    with mmrank.Collection.create(tmp_path / "c.mmrank") as library:
        library.add(letter)
        [hit] = library.search("dredging", k=1)
        shutil.copy(samples / "brisa-dehumidifier-manual.pdf", letter)
        with pytest.raises(mmrank.MmrankError, match="has changed since it was indexed"):
            hit.image()


def test_a_run_of_several_commits_takes_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (tmp_path / f"{number}.md").write_text(f"Page {number}.\n")
    monkeypatch.setattr("mmrank.adding.files.COMMIT_PAGES", 1)
    with mmrank.Collection.create(tmp_path / "c.mmrank") as library:
        assert len(library.add(tmp_path).added) == len(library) == 5


def test_what_was_read_before_an_interruption_is_kept(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.md").write_text(f"Page {number}.\n")

    def interrupted(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        yield next(outcomes)
        yield next(outcomes)
        raise KeyboardInterrupt

    real = read_documents
    with mmrank.Collection.create(tmp_path / "c.mmrank") as library:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("mmrank.ingest.read_documents", lambda *given, **more: interrupted(real(*given, **more)))
            library.add(tmp_path)
        assert len(library) == 2
        assert len(library.add(tmp_path).added) == 2


def test_one_bad_file_is_named_and_the_good_ones_are_in(tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text("Cranes fly south in October.\n")
    (tmp_path / "bad.pdf").write_bytes(b"this is no PDF")
    (tmp_path / "empty.pdf").write_bytes(b"")
    with mmrank.Collection.create(tmp_path / "c.mmrank") as library:
        report = library.add(tmp_path)
        assert report.added == ["good.md"] and set(report.failed) == {"bad.pdf", "empty.pdf"}
        assert not report.ok
        assert library.search("When do cranes fly south?", k=1)[0].document == "good.md"


def test_an_empty_collection_finds_nothing(tmp_path: Path) -> None:
    with mmrank.Collection.create(tmp_path / "c.mmrank") as library:
        assert library.search("anything") == []


@pytest.mark.parametrize(
    ("query", "k", "message"),
    [("", 5, "empty"), ("   \n", 5, "empty"), ("a" * 50_000, 5, "50,000 characters"), ("ferry", 0, "at least 1")],
)
def test_impossible_questions_are_refused(library: mmrank.Collection, query: str, k: int, message: str) -> None:
    with pytest.raises(mmrank.InputError, match=message):
        library.search(query, k=k)


@pytest.mark.parametrize("query", ["?", "🦆", "a", "' OR 1=1 --", 'NEAR AND "', "x" * 5000, "…"])
def test_strange_questions_are_answered(library: mmrank.Collection, query: str) -> None:
    assert len(library.search(query, k=2)) == 2


def test_creating_over_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("keep me")
    with pytest.raises(mmrank.InputError, match=tmp_path.name):
        mmrank.Collection.create(tmp_path)
    assert (tmp_path / "precious.txt").read_text() == "keep me"


def test_opening_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(mmrank.InputError, match="nowhere"):
        mmrank.Collection.open(tmp_path / "nowhere")


def test_an_unknown_profile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(mmrank.InputError, match="cpu, gpu"):
        mmrank.Collection.create(tmp_path / "c", profile="tpu")


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(mmrank.InputError, match="colour"):
        mmrank.Collection.create(tmp_path / "c", colour="blue")


@pytest.mark.parametrize("source", ["nowhere", "*.nothing", ""])
def test_sources_that_are_not_there_are_refused(tmp_path: Path, source: str) -> None:
    with mmrank.Collection.create(tmp_path / "c.mmrank") as library, pytest.raises(mmrank.InputError):
        library.add(str(tmp_path / source) if source else source)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hollow").mkdir()
    with (
        mmrank.Collection.create(tmp_path / "c.mmrank") as library,
        pytest.raises(mmrank.InputError, match="hollow"),
    ):
        library.add(tmp_path / "hollow")


def test_the_breadth_of_a_search_is_a_setting(library: mmrank.Collection) -> None:
    assert len({hit.document for hit in library.search("ferry", k=100)}) > 1
    with mmrank.Collection.open(library.path, read_only=True, search_documents=1) as narrow:
        assert len({hit.document for hit in narrow.search("ferry", k=2)}) == 1
        assert len(narrow.search("ferry", k=20)) == 20  # where one document has too few pages, more are looked into


def test_a_document_knows_its_period_and_repair_finds_it_again(tmp_path: Path) -> None:
    source = tmp_path / "report.txt"
    source.write_text("Annual report for the fiscal year ended June 30, 2021. The ferries carried more passengers.")
    with mmrank.Collection.create(tmp_path / "library.mmrank") as library:
        library.add(source)
        [record] = library.documents(Filter(metadata={"period": "2021"}))
        vectors = library.store.snapshot()
        kept = (library.document(record.id), vectors.passage_vectors(record.id), vectors.document_vectors(record.id))
        vectors.close()
        with library.store.write() as writer:  # as a collection from before periods were found
            writer.remove(record.id)
            writer.put(*kept, metadata={"owner": "harbour"})
    assert mmrank.Collection.repair(tmp_path / "library.mmrank").renewed == ("report.txt",)
    with mmrank.Collection.open(tmp_path / "library.mmrank", read_only=True) as library:
        [record] = library.documents()
        assert record.metadata["period"] == "2021" and record.metadata["owner"] == "harbour"
        assert library.search("passengers in 2021", k=1)[0].document == "report.txt"
    assert mmrank.Collection.repair(tmp_path / "library.mmrank").renewed == ()
