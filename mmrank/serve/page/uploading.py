"""Files that are added on the page: how far they are, and what became of them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from mmrank.errors import MmrankError
from mmrank.serve.errors import api_error
from mmrank.serve.jobs import ENDED
from mmrank.serve.page.rendering import FRESH, rendered
from mmrank.serve.service import Service, ServiceOf
from mmrank.serve.uploads import JobOut, cancel_job, get_job, upload

router = APIRouter(include_in_schema=False)


@router.post("/ui/documents")
async def add(request: Request, response: Response, service: ServiceOf, c: str | None = None) -> Response:
    """Take files, and show the job that reads them."""
    try:
        job = await upload(request, response, service, c)
    except MmrankError as error:
        told = api_error(error)
        return show(request, "refused.html", {"message": str(told)}, told.status)
    if not partly(request):
        return RedirectResponse(f"/ui/jobs/{job.id}", 303, headers=FRESH)
    return show(request, "job.html", {"job": plainly(service, job)})


@router.get("/ui/jobs/{job}")
async def follow(request: Request, service: ServiceOf, job: str) -> Response:
    """How far a job is."""
    return await shown(request, service, job, cancel=False)


@router.post("/ui/jobs/{job}/cancel")
async def cancel(request: Request, service: ServiceOf, job: str) -> Response:
    """Stop a job."""
    return await shown(request, service, job, cancel=True)


async def shown(request: Request, service: Service, job: str, *, cancel: bool) -> Response:
    """A job, after it was told to stop or not."""
    try:
        found = await (cancel_job if cancel else get_job)(service, job)
    except MmrankError as error:
        told = api_error(error)
        return show(request, "refused.html", {"message": str(told)}, told.status)
    headers = {"HX-Trigger": "documents"} if found.state in ENDED else {}
    return show(request, "job.html", {"job": plainly(service, found)}, headers=headers)


def unfinished(service: Service, collection: str | None) -> list[JobOut]:
    """The jobs of a collection that have not ended, oldest first."""
    name = service.name_of(collection)
    newest = [JobOut.of(name, job) for job in service.jobs[name].newest(20)]
    return [plainly(service, job) for job in reversed(newest) if job.state not in ENDED]


def plainly(service: Service, job: JobOut) -> JobOut:
    """A job without the folders of the service: people know their files by name."""
    path = service.collection(job.collection).path.absolute()
    folders = [f"{path}{ending}/" for ending in (".files", f".jobs/files/{job.id}")]

    def short(text: str) -> str:
        for folder in folders:
            text = text.replace(folder, "")
        return text

    report = job.report.model_copy(
        update={
            "failed": {name: short(why) for name, why in job.report.failed.items()},
            "unread": {
                name: {page: short(why) for page, why in pages.items()} for name, pages in job.report.unread.items()
            },
            "notes": [short(note) for note in job.report.notes],
        }
    )
    return job.model_copy(update={"report": report, "problem": job.problem and short(job.problem)})


def partly(request: Request) -> bool:
    """Whether htmx asks, which puts the answer into the page."""
    return request.headers.get("HX-Request") == "true"


def show(
    request: Request,
    template: str,
    values: dict[str, Any],
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """A part of the page, or a page of its own where the browser runs no scripts."""
    if partly(request):
        text = "".join(rendered(template, values))
        return HTMLResponse(text, status, headers={**FRESH, **(headers or {})})
    going = "job" in values and values["job"].state not in ENDED
    text = "".join(rendered("alone.html", {**values, "template": template, "going": going}))
    return HTMLResponse(text, status, headers=FRESH)
