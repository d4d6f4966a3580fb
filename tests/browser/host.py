"""Another application: its pages, on an origin of its own, load the widgets from Upshot."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

SCRIPT = """
import {{ configure }} from "{api}/widgets.js";

const heard = (window.heard = []);
for (const name of ["rated", "skipped", "voted", "delivered", "problem"]) {{
  document.addEventListener(`upshot-${{name}}`, ({{ detail }}) => {{
    const {{ problem, ...said }} = detail;
    heard.push([name, problem ? {{ ...said, code: problem.code }} : said]);
  }});
}}
configure({{ token: async () => (await fetch("/token")).text() }});
"""
PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Another application</title>
    <link rel="icon" href="data:,">
    <script type="module" src="/host.js"></script>
  </head>
  <body><main><h1>A session</h1>{body}</main></body>
</html>
"""


class Host:
    """It answers with what the test says at that moment."""

    def __init__(self) -> None:
        self.api = ""
        self.body = ""
        self.token = ""
        """Of whoever is signed in there."""
        application = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                media_type, content = application.file(self.path)
                self.send_response(200)
                self.send_header("Content-Type", media_type)
                self.send_header("Cache-Control", "no-store")
                self.send_header("Content-Security-Policy", application.policy)
                self.end_headers()
                self.wfile.write(content.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def policy(self) -> str:
        """As strict as an application may be: no inline style, no inline script, no markup."""
        return (
            "default-src 'none'; img-src data:; style-src 'self';"
            f" script-src 'self' {self.api}; connect-src 'self' {self.api};"
            " form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        )

    def file(self, path: str) -> tuple[str, str]:
        match path:
            case "/host.js":
                return "text/javascript", SCRIPT.format(api=self.api)
            case "/token":
                return "text/plain", self.token
            case _:
                return "text/html", PAGE.format(body=self.body)


@contextmanager
def hosting() -> Iterator[Host]:
    host = Host()
    thread = Thread(target=host.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        host.server.shutdown()
        host.server.server_close()
        thread.join(10)
