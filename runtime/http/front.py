"""The way of a command to its endpoint, past the routing of all other requests."""

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Front"]

PREFIX = "/commands/"


class Front:
    """Hands commands to their endpoint at once, and all other requests to an application of many routes.

    That application finds the endpoint as well, and does where it is mounted below another one. Its own way there,
    through middleware and patterns, costs a sixth of what HTTP costs for a command.
    """

    def __init__(self, commands: ASGIApp, routes: ASGIApp) -> None:
        self._commands = commands
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        if scope["type"] == "http" and scope["method"] == "POST" and not scope.get("root_path"):
            path: str = scope["path"]
            if path.startswith(PREFIX) and (type_ := path[len(PREFIX) :]) and "/" not in type_:
                scope["path_params"] = {"type": type_}
                await self._commands(scope, receive, send)
                return
        await self._routes(scope, receive, send)
