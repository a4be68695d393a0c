"""A browser page that records its errors and the addresses of its requests."""

from playwright.sync_api import ConsoleMessage, Page, Request, WebError

INSIDE_THE_BROWSER = ("data:", "blob:", "about:")  # for these addresses nothing leaves the page


class WatchedPage:
    """A page, its errors (the console's, and exceptions that nothing caught) and the address of every request."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.context.on("console", self._on_console)
        page.context.on("weberror", self._on_exception)
        page.context.on("request", self._on_request)

    def requests_beyond(self, allowed: str) -> list[str]:
        """The requests for any address that does not begin with `allowed`, such as http://127.0.0.1:6006/."""
        return [url for url in self.requests if not url.startswith((allowed, *INSIDE_THE_BROWSER))]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location['url']}:{message.location['lineNumber']})")

    def _on_exception(self, error: WebError) -> None:
        self.errors.append(str(error.error))

    def _on_request(self, request: Request) -> None:
        self.requests.append(request.url)
