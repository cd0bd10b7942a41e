"""A collection as an assistant sees it: through the SDK's own client, over a real process."""

import base64
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest
from anyio.from_thread import start_blocking_portal
from mcp import Client, MCPError, StdioServerParameters
from mcp.types import CallToolResult, ImageContent, ResourceTemplateReference, TextContent, Tool
from PIL import Image

from mmrank import Collection
from mmrank.mcp.tokens import text_tokens
from mmrank.mcp.tools import ReadingTools
from mmrank.mcp.wording import page_text

Run = Callable[..., subprocess.CompletedProcess[str]]

REPORT = "tidewater-annual-report-2025.pdf"
T = TypeVar("T")
QUESTION = "How many passengers did the Skerry route carry?"


class Assistant:
    """The SDK's client of a command that was started as assistants start it."""

    def __init__(self, collection: Path, *options: str) -> None:
        self._started = StdioServerParameters(
            command=sys.executable,
            args=["-m", "mmrank", "mcp", str(collection), *options],
            env={"PYTHONPATH": ":".join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"},
        )
        self._held = ExitStack()

    def __enter__(self) -> Self:
        self._portal = self._held.enter_context(start_blocking_portal())
        self.client = self._held.enter_context(
            self._portal.wrap_async_context_manager(Client(self._started, read_timeout_seconds=60))
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def do(self, method: Callable[..., Awaitable[T]], *given: Any, **named: Any) -> T:
        """Call a method of the client."""
        return self._portal.call(partial(method, *given, **named))

    def call(self, tool: str, **arguments: Any) -> CallToolResult:
        """Call a tool."""
        return self.do(self.client.call_tool, tool, arguments)

    def tools(self) -> dict[str, Tool]:
        return {tool.name: tool for tool in self.do(self.client.list_tools).tools}


@pytest.fixture(scope="module")
def assistant(library_path: Path) -> Iterator[Assistant]:
    with Assistant(library_path) as started:
        yield started


def text_of(answer: CallToolResult) -> str:
    return "\n".join(block.text for block in answer.content if isinstance(block, TextContent))


def pictures_of(answer: CallToolResult) -> list[Image.Image]:
    return [
        Image.open(io.BytesIO(base64.b64decode(block.data))).convert("RGB")
        for block in answer.content
        if isinstance(block, ImageContent)
    ]


def redness(picture: Image.Image) -> int:
    """Pixels of the colour in which boxes are drawn."""
    return sum(
        count
        for count, (red, green, blue) in picture.getcolors(picture.width * picture.height) or []  # type: ignore[misc]
        if red > 180 and green < 90 and blue < 90
    )


def test_an_assistant_finds_reads_and_cites_a_page(assistant: Assistant) -> None:
    assert assistant.client.server_info.name == "mmrank"
    assert "5 documents" in (assistant.client.instructions or "")
    tools = assistant.tools()
    assert set(tools) == {"search_documents", "ask", "get_page", "list_documents", "rank_document"}
    assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools.values())

    found = assistant.call("search_documents", query=QUESTION, k=2, pictures=1)
    assert not found.is_error
    first, second = (found.meta or {})["mmrank/hits"]
    assert first["document"] == REPORT and f"1. {REPORT}, page {first['page_number']}" in text_of(found)
    assert all(f"[{box[0]:.0f} {box[1]:.0f} {box[2]:.0f} {box[3]:.0f}]" in text_of(found) for box in first["boxes"])
    (picture,) = pictures_of(found)
    assert redness(picture) > 500
    assert "More: offset=2" in text_of(found)
    further = assistant.call("search_documents", query=QUESTION, k=2, offset=1, pictures=0)
    assert (further.meta or {})["mmrank/hits"][0] == second and not pictures_of(further)

    page = assistant.call("get_page", document=REPORT, page=first["page_number"])
    assert "Skerry" in text_of(page)
    (whole,) = pictures_of(page)
    assert redness(whole) < redness(picture)
    x0, y0, x1, y1 = first["boxes"][0]
    part = assistant.call("get_page", document=REPORT, page=first["page_number"], box=[x0, y0, x1, y1])
    (shown,) = pictures_of(part)
    assert shown.width / shown.height == pytest.approx((x1 - x0) / (y1 - y0), rel=0.05)
    assert len(text_of(part)) < len(text_of(page))
    detailed = assistant.call("get_page", document=REPORT, page=5, picture=False, element_boxes=True)
    assert "(table [67 135 528 399])" in text_of(detailed)


def test_answers_documents_and_rankings_name_their_pages(assistant: Assistant) -> None:
    answer = assistant.call("ask", question="When was the vessel Kittiwake built?", pictures=1)
    assert "2024" in text_of(answer) and f"source: {REPORT}, page 4" in text_of(answer)
    assert len(pictures_of(answer)) == 1

    listed = assistant.call("list_documents", k=2)
    assert "5 documents" in text_of(listed) and "More: offset=2" in text_of(listed)
    rest = assistant.call("list_documents", offset=2)
    names = [one["document"] for half in (listed, rest) for one in (half.meta or {})["mmrank/documents"]]
    assert len(set(names)) == 5
    assert "Brisa" in text_of(assistant.call("list_documents", metadata={"kind": "manual"}))
    assert "No documents." in text_of(assistant.call("list_documents", contains="zeppelin"))

    ranked = assistant.call("rank_document", document=REPORT, question="revenue", k=3)
    pages = (ranked.meta or {})["mmrank/pages"]
    assert len(pages) == 3 and pages[0]["score"] >= pages[1]["score"]
    assert "More: offset=3" in text_of(ranked)


def test_pages_are_resources_whose_names_are_completed(assistant: Assistant) -> None:
    client = assistant.client

    def read(address: str) -> Any:
        (content,) = assistant.do(client.read_resource, address).contents
        return content

    templates = {one.uri_template for one in assistant.do(client.list_resource_templates).resource_templates}
    assert templates == {f"mmrank://{{document}}{rest}" for rest in ("", "/{page}", "/{page}/picture")}
    assert "Skerry" in read(f"mmrank://{REPORT}/3").text
    assert "Operating review (page 3)" in read(f"mmrank://{REPORT}").text
    assert Image.open(io.BytesIO(base64.b64decode(read(f"mmrank://{REPORT}/3/picture").blob))).height > 1000
    for address in (f"mmrank://{REPORT}/99", "mmrank://nothing.pdf/1", "mmrank://..%2F..%2Fetc%2Fpasswd"):
        with pytest.raises(MCPError, match=r"no page 99|no document"):
            read(address)

    template = ResourceTemplateReference(type="ref/resource", uri="mmrank://{document}/{page}")
    names = assistant.do(client.complete, template, {"name": "document", "value": "tide"})
    assert names.completion.values == [REPORT]
    numbers = assistant.do(
        client.complete, template, {"name": "page", "value": ""}, context_arguments={"document": REPORT}
    )
    assert numbers.completion.values == ["1", "2", "3", "4", "5", "6"]


def test_the_prompt_holds_the_question(assistant: Assistant) -> None:
    (prompt,) = assistant.do(assistant.client.list_prompts).prompts
    (message,) = assistant.do(assistant.client.get_prompt, prompt.name, {"question": QUESTION}).messages
    assert isinstance(message.content, TextContent) and QUESTION in message.content.text


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("search_documents", {"query": ""}, "empty"),
        ("search_documents", {"query": "ferries", "documents": ["tidewater-annual-report.pdf"]}, "did you mean"),
        ("search_documents", {"query": "ferries", "since": "soon"}, "ISO date"),
        ("search_documents", {"query": "ferries", "metadata": {"author": "x"}}, "no document has metadata"),
        ("search_documents", {"query": "ferries", "k": 0}, "greater than or equal to 1"),
        ("search_documents", {"query": "ferries", "k": 1_000_000}, "less than or equal to 20"),
        ("get_page", {"document": REPORT, "page": 7}, "has 6 pages"),
        ("get_page", {"document": REPORT, "page": 1, "box": [900, 900, 950, 950]}, "outside page 1"),
        ("get_page", {"document": REPORT, "page": 1, "box": [9, 9, 1, 1]}, "x0 <= x1"),
        ("rank_document", {"document": "nothing.pdf", "question": "ferries"}, "holds no document"),
        ("add_documents", {"paths": ["x.pdf"]}, "Unknown tool"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    assistant: Assistant, tool: str, arguments: dict[str, Any], said: str
) -> None:
    answer = assistant.call(tool, **arguments)
    assert answer.is_error and said in text_of(answer)


def test_answers_are_lean_and_say_what_they_cost(assistant: Assistant) -> None:
    found = assistant.call("search_documents", query=QUESTION, k=5, pictures=0)
    cost = (found.meta or {})["mmrank/tokens"]
    assert f"About {cost['text']:,} tokens." in text_of(found)
    assert cost["text"] < 1500 and cost["pictures"] == 0
    assert found.structured_content is None
    shown = assistant.call("search_documents", query=QUESTION, k=1, pictures=1)
    (picture,) = pictures_of(shown)
    assert (shown.meta or {})["mmrank/tokens"]["pictures"] == -(-picture.width * picture.height // 750) < 1400
    assert sum(text_tokens(tool.model_dump_json(exclude_none=True)) for tool in assistant.tools().values()) < 3000


def test_a_long_page_is_read_in_parts(library: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmrank.mcp.wording.PAGE_CHARACTERS", 300)
    tools = ReadingTools(lambda: library)
    whole = page_text(library.document(REPORT).pages[2])
    start, read = 0, ""
    while True:
        answer = tools.get_page(REPORT, 3, start=start)
        assert bool(pictures_of(answer)) == (start == 0)
        further = re.search(r"More text: start=(\d+)", text_of(answer))
        read += whole[start : int(further[1]) if further else None]
        assert whole[start : start + 50].strip() in text_of(answer)
        if further is None:
            break
        assert start < int(further[1]) <= start + 300
        start = int(further[1])
    assert read == whole and len(whole) > 600


def test_documents_are_added_and_removed_only_where_allowed(library_path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    shutil.copytree(library_path, folder / "library.mmrank")
    (folder / "ferries.md").write_text("# Ferries\n\nThe ferry to Skerry sails at nine.\n")
    (tmp_path / "secret.md").write_text("The key is under the mat.\n")
    (folder / "link.md").symlink_to(tmp_path / "secret.md")
    (folder / "notes #1").mkdir()
    (folder / "notes #1" / "50 % #1 ü.md").write_text("# Lanterns\n\nThe lanterns \x1b[31mburn\u202e paraffin.\n")
    told: list[str | None] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(message)

    with Assistant(folder / "library.mmrank", "--write") as assistant:
        assert str(folder) in (assistant.tools()["add_documents"].description or "")
        paths = {"paths": ["ferries.md"]}
        added = assistant.do(assistant.client.call_tool, "add_documents", paths, progress_callback=progress)
        assert "added: 1 (ferries.md)" in text_of(added) and "holds 6 documents" in text_of(added) and told
        for path in ("../secret.md", str(tmp_path / "secret.md"), "link.md"):
            refused = assistant.call("add_documents", paths=[path])
            assert refused.is_error and "lies outside" in text_of(refused)
        question = "When does the ferry to Skerry sail?"
        assert "1. ferries.md, page 1" in text_of(assistant.call("search_documents", query=question, k=1))

        added = assistant.call("add_documents", paths=["notes #1"])
        assert "added: 1" in text_of(added)
        burning = assistant.call("search_documents", query="What do the lanterns burn?", k=1, pictures=0)
        assert "paraffin" in text_of(burning) and not {"\x1b", "\u202e"} & set(text_of(burning))
        (hit,) = (burning.meta or {})["mmrank/hits"]
        (page,) = assistant.do(assistant.client.read_resource, hit["uri"]).contents
        assert "paraffin" in page.text  # type: ignore[union-attr]

        (folder / "ferries.md").unlink()
        page = assistant.call("get_page", document="ferries.md", page=1)
        assert not page.is_error and "sails at nine" in text_of(page) and "No picture: " in text_of(page)
        found = assistant.call("search_documents", query=question, k=1)
        assert "sails at nine" in text_of(found) and "No picture of 1: " in text_of(found)

        unknown = assistant.call("remove_documents", names=["ferries.md", "nothing.md"])
        assert unknown.is_error and "holds no document 'nothing.md'" in text_of(unknown)
        removed = assistant.call("remove_documents", names=["ferries.md"])
        assert "Removed 1; the collection holds 6" in text_of(removed)


def test_a_collection_that_is_not_there_ends_the_command_with_a_sentence(command_line: Run, tmp_path: Path) -> None:
    done = command_line("mcp", tmp_path / "nothing.mmrank")
    assert done.returncode == 2 and "nothing.mmrank" in done.stderr and done.stdout == ""
