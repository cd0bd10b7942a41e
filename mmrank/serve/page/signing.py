"""Where a browser shows its key: what it may see is decided by the guard, with each request."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from mmrank.serve.guard import KEY_COOKIE, SIGN_IN
from mmrank.serve.keys import Keys
from mmrank.serve.page.rendering import FRESH, rendered
from mmrank.serve.service import ServiceOf

router = APIRouter(include_in_schema=False)


@router.get(SIGN_IN)
async def ask_for_key(to: str = "/") -> Response:
    """A form for the key."""
    return HTMLResponse("".join(rendered("key.html", {"to": within(to), "refused": False})), headers=FRESH)


@router.post(SIGN_IN)
async def take_key(request: Request, service: ServiceOf) -> Response:
    """Keep a key that is known in a cookie, until the browser is closed."""
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    key, to = (form.get(name, [""])[0].strip() for name in ("key", "to"))
    if service.settings.keys is None:
        return RedirectResponse(within(to), 303, headers=FRESH)
    if not key or await service.look(Keys(service.settings.keys).access, key) is None:
        text = "".join(rendered("key.html", {"to": within(to), "refused": True}))
        return HTMLResponse(text, 401, headers=FRESH)
    answer = RedirectResponse(within(to), 303, headers=FRESH)
    secure = request.url.scheme == "https"
    answer.set_cookie(KEY_COOKIE, key, httponly=True, samesite="lax", secure=secure, path="/")
    return answer


@router.post("/ui/sign-out")
async def forget_key() -> Response:
    """Forget the key."""
    answer = RedirectResponse(SIGN_IN, 303, headers=FRESH)
    answer.delete_cookie(KEY_COOKIE, path="/")
    return answer


def within(to: str) -> str:
    """An address of the page itself, and no other.

    >>> within("/?q=ferries"), within("//elsewhere.example/"), within("https://elsewhere.example")
    ('/?q=ferries', '/', '/')
    """
    return to if to.startswith("/?") and "\\" not in to else "/"
