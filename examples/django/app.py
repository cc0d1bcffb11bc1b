"""Django: a guest book whose session says who writes. Django mounts nothing, so nannin goes around it.

Run it in one of these ways:

    nannin serve --app examples/django/app.py:app
    uvicorn --app-dir examples/django --port 8124 --ws nannin:DirectWebSocket app:app
"""

from importlib import import_module
from pathlib import Path

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.urls import path

from nannin import ConnectionRefused, Live, Socket

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="a secret of your own",  # noqa: S106
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
)


def show(request: HttpRequest) -> HttpResponse:
    page = Path(__file__).with_name("index.html").read_text(encoding="utf-8")
    return HttpResponse(page.replace("{{ csrf_token }}", get_token(request)))


def sign_in(request: HttpRequest) -> HttpResponse:
    request.session["name"] = request.POST["name"]
    return redirect("/")


urlpatterns = [path("", show), path("sign-in", sign_in)]

app = live = Live(get_asgi_application())


@live.on("connect")
async def arrived(socket: Socket) -> None:
    cookie = socket.cookies.get(settings.SESSION_COOKIE_NAME)
    session = import_module(settings.SESSION_ENGINE).SessionStore(cookie)
    socket.data["name"] = await session.aget("name")
    if socket.data["name"] is None:
        raise ConnectionRefused("Sign in first")


@live.on("write")
def write(socket: Socket, text: str) -> None:
    socket.page.emit("written", socket.data["name"], text)
