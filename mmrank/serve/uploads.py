"""`POST /documents`, and `/jobs`, which say how far the reading is."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from mmrank.adding.metadata import checked
from mmrank.serve.documents import Named
from mmrank.serve.errors import ApiError
from mmrank.serve.events import EVENT, EventStream, event
from mmrank.serve.jobs import ENDED, Job, Jobs, State
from mmrank.serve.receiving import Received, disk_error
from mmrank.serve.service import Service, ServiceOf

router = APIRouter(tags=["uploads"])

MOST_WAITING = 100
"""Jobs of one collection that wait."""
POLL_SECONDS = 0.5
JobId = Annotated[str, Path(max_length=64, description="id of a job")]

FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "additionalProperties": False,
                    "properties": {
                        "files": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "minItems": 1,
                            "description": "each with its file name, such as report.pdf or 2024/report.pdf",
                        },
                        "metadata": {
                            "type": "string",
                            "description": "what is said of all files, as JSON: texts or lists of texts by key",
                            "example": '{"author": "A. Smith"}',
                        },
                    },
                }
            }
        },
    }
}


class ProgressOut(BaseModel):
    """How far a job is."""

    pages: int = Field(default=0, description="pages that were read")
    pages_expected: int = Field(default=0, description="how many there will be, estimated; 0 while that is not known")
    files: int = Field(default=0, description="files that are done")
    files_expected: int = 0
    seconds: float = 0.0
    seconds_left: float | None = None
    name: str = Field(default="", description="of the file that was worked on last")


class ReportOut(BaseModel):
    """What became of each file, by name."""

    added: list[str] = Field(default=[], description="documents that are new")
    replaced: list[str] = Field(default=[], description="documents whose files had changed")
    unchanged: list[str] = Field(default=[], description="files that hold what they held")
    duplicates: dict[str, str] = Field(default={}, description="by name, the document that has the same content")
    failed: dict[str, str] = Field(default={}, description="by name, why a file could not be read")
    unread: dict[str, dict[int, str]] = Field(default={}, description="by name, pages from 1 that could not be read")
    notes: list[str] = []
    pages: int = 0
    seconds: float = 0.0


class JobOut(BaseModel):
    """An upload that is read, or was."""

    id: str
    collection: str
    state: State
    names: list[str]
    created: str
    started: str | None
    ended: str | None
    progress: ProgressOut
    report: ReportOut
    problem: str | None = Field(description="why it failed as a whole")

    @classmethod
    def of(cls, collection: str, job: Job) -> JobOut:
        """The same job."""
        return cls(
            id=job.id,
            collection=collection,
            state=job.state,
            names=list(job.names),
            created=job.created,
            started=job.started,
            ended=job.ended,
            progress=ProgressOut(**job.progress),
            report=ReportOut(**job.report),
            problem=job.problem,
        )


@router.post("/documents", status_code=202, summary="Add documents", openapi_extra=FORM)
async def upload(request: Request, response: Response, service: ServiceOf, collection: Named = None) -> JobOut:
    """Upload one or many files. They are read in a job; ask `/jobs` how far it is, and what became of each file.

    A file of a name that is there replaces it, once it is read. A name may have folders: `2024/report.pdf`.
    """
    service.collection(collection, write=True)
    name = service.name_of(collection)
    jobs = service.jobs[name]
    if await service.look(jobs.waiting) >= MOST_WAITING:
        raise ApiError(503, "busy", f"{MOST_WAITING} uploads are waiting already; try later.", {"Retry-After": "60"})
    try:
        job, spool = await service.look(jobs.new_spool)
    except OSError as error:
        raise disk_error(error) from error
    try:
        received = Received(spool, service.settings.largest_upload, service.settings.most_files)
        await received.read(request)
        metadata = checked(received.metadata, "metadata")
        noted = await service.look(jobs.add, job, received.names, metadata, received.refused)
    except OSError as error:
        shutil.rmtree(spool, ignore_errors=True)
        raise disk_error(error) from error
    except BaseException:
        shutil.rmtree(spool, ignore_errors=True)
        raise
    service.wake()
    response.headers["Location"] = f"/jobs/{job}"
    return JobOut.of(name, noted)


@router.get("/jobs", summary="List uploads")
async def list_jobs(service: ServiceOf, collection: Named = None) -> list[JobOut]:
    """The newest uploads of a collection, newest first."""
    name = service.name_of(collection)
    return [JobOut.of(name, job) for job in await service.look(service.jobs[name].newest)]


@router.get("/jobs/{job}", summary="How far an upload is")
async def get_job(service: ServiceOf, job: JobId) -> JobOut:
    """One upload: how far it is while it is read, and then what became of its files."""
    name, _, found = await service.look(_find, service, job)
    return JobOut.of(name, found)


@router.get(
    "/jobs/{job}/events",
    summary="Follow an upload",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"schema": EVENT}}}},
)
async def follow_job(request: Request, service: ServiceOf, job: JobId) -> Response:
    """The upload as server-sent events named `job`, one whenever something changes, until it has ended."""
    name, jobs, found = await service.look(_find, service, job)

    async def events() -> AsyncIterator[str]:
        shown, now = None, found
        while True:
            out = JobOut.of(name, now)
            if out != shown:
                yield event("job", out)
                shown = out
            if now.state in ENDED:
                return
            await asyncio.sleep(POLL_SECONDS)
            later = await service.look(jobs.get, job)
            now = later or now

    return EventStream(request, events())


@router.post("/jobs/{job}/cancel", summary="Cancel an upload")
async def cancel_job(service: ServiceOf, job: JobId) -> JobOut:
    """Stop reading. Documents that were read by then are kept; one that has ended is left as it is."""
    name, jobs, _ = await service.look(_find, service, job)
    service.collection(name, write=True)
    found = await service.look(jobs.cancel, job)
    assert found is not None
    return JobOut.of(name, found)


def _find(service: Service, job: str) -> tuple[str, Jobs, Job]:
    for name in service.names:
        found = service.jobs[name].get(job)
        if found is not None:
            return name, service.jobs[name], found
    raise ApiError(404, "no_such_job", f"There is no upload {job[:80]!r}; GET /jobs lists them.")
