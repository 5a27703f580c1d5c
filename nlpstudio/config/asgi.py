"""The web process: pages and API by Django, live updates by Channels."""

from __future__ import annotations

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application

from nlpstudio.config.insecure import refuse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nlpstudio.config.settings.base")
http = get_asgi_application()
refuse(settings)

# Consumers import models, which need the application above to be set up first.
from nlpstudio.config.websockets import websocket_urlpatterns  # noqa: E402
from nlpstudio.core.bodies import BodyLimit  # noqa: E402
from nlpstudio.core.sockets import OwnOrigin  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": BodyLimit(http),
        "websocket": OwnOrigin(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
