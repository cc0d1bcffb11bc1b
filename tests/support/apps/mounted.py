"""A Live below a path of another app, with a token for its readers."""

from starlette.applications import Starlette
from starlette.routing import Mount

from nannin import Live

READ_TOKEN = "a-token-for-those-who-read"

app = Starlette(routes=[Mount("/live", Live(read_token=READ_TOKEN))])
