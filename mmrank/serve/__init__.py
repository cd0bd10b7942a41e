"""One service over one or several collections: REST, a page to look at, MCP.

    from mmrank.serve import ServeSettings, create_app

    app = create_app({"library": "library.mmrank"}, ServeSettings())

`app.py` makes the application; `service.py` is what routes work with; one file per group of routes beside them.
"""

from mmrank.serve.app import Extension, create_app
from mmrank.serve.errors import ApiError
from mmrank.serve.service import Service, ServiceOf, service_of
from mmrank.serve.settings import ServeSettings

__all__ = ["ApiError", "Extension", "ServeSettings", "Service", "ServiceOf", "create_app", "service_of"]
