"""Documents that are described or removed on the page."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from mmrank.errors import MmrankError
from mmrank.serve.documents import correct, remove
from mmrank.serve.errors import ApiError, api_error
from mmrank.serve.page.address import Address
from mmrank.serve.page.described import changes
from mmrank.serve.page.rendering import FRESH, rendered
from mmrank.serve.page.routes import context, kept_of, pushed
from mmrank.serve.page.uploading import partly, show
from mmrank.serve.page.view import View
from mmrank.serve.service import Service, ServiceOf

MOST_FIELDS = 200
"""Fields of a form that are read."""

router = APIRouter(include_in_schema=False)


@router.post("/ui/documents/{document}/metadata")
async def describe(request: Request, service: ServiceOf, document: str) -> Response:
    """Note what people say of a document, and show the page that is open again."""
    try:
        form = await _form(request)
        address = _address(form)
        name = address.collection or None
        record = await service.look(service.record, service.collection(name, write=True), document)
        changed = changes(record, form)
        if changed:
            await correct(service, document, changed, name)
        if not partly(request):
            return RedirectResponse(address.url(), 303, headers=FRESH)
        said = f"Saved: {', '.join(changed)}." if changed else "Nothing was changed."
        return await _rendered(request, service, address, "part_viewer.html", saved=said)
    except MmrankError as error:
        return _refused(request, error, "Not saved")


@router.post("/ui/documents/{document}/remove")
async def take_away(request: Request, service: ServiceOf, document: str) -> Response:
    """Remove a document, and show what is left."""
    try:
        address = _address(await _form(request)).closed()
        address = address.changed(documents=tuple(one for one in address.documents if one != document))
        removed = await remove(service, document, address.collection or None)
        if not partly(request):
            return RedirectResponse(address.url(), 303, headers=FRESH)
        if address.asks and address.question:  # an answer is shown while it is written, as a page that is loaded
            return Response(headers={**FRESH, "HX-Redirect": address.url()})
        said = f"Removed {', '.join(removed.removed)}."
        return await _rendered(request, service, address, "part_content.html", removed=said)
    except MmrankError as error:
        return _refused(request, error, "Not removed")


async def _form(request: Request) -> dict[str, str]:
    async with request.form(max_files=0, max_fields=MOST_FIELDS) as form:
        return {key: value for key, value in form.items() if isinstance(value, str)}


def _address(form: dict[str, str]) -> Address:
    """What the page showed when the form was sent."""
    return Address.parse(parse_qsl(urlsplit(form.get("back", "")).query))


async def _rendered(request: Request, service: Service, address: Address, template: str, **said: str) -> Response:
    view = View(service.collection(address.collection or None), address, kept_of(request))
    pieces = rendered(template, context(view, service, **said))
    text = await (service.run if address.question else service.look)("".join, pieces)
    return HTMLResponse(text, headers={**FRESH, **pushed(request, address)})


def _refused(request: Request, error: MmrankError, head: str) -> Response:
    told: ApiError = api_error(error)
    beside = {"HX-Retarget": "#refused", "HX-Reswap": "innerHTML"}
    return show(request, "refused.html", {"message": str(told), "head": head}, told.status, beside)
