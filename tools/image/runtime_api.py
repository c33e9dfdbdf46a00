# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the Lambda Runtime API that serves one event and keeps the function's answer."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PREFIX = "/2018-06-01/runtime/"
REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"


class RuntimeApi:
    """A server on a free port of the loopback interface; use it in a `with` statement.

    address   the value for AWS_LAMBDA_RUNTIME_API
    response  the body of the function's answer, or None as long as there is none
    error     the body of an error that the function reported, or None
    finished  an Event that is set when the function has answered and asks for the next event
    """

    def __init__(self, event: bytes) -> None:
        self.event = event
        self.response: bytes | None = None
        self.error: bytes | None = None
        self.finished = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                if self.path != PREFIX + "invocation/next":
                    self.reply(404, b"404 page not found\n", {"Content-Type": "text/plain"})
                    return
                if api.response is not None or api.error is not None:
                    api.finished.set()
                    threading.Event().wait(3600)  # `next` has no timeout; the caller kills it.
                deadline = int(time.time() * 1000) + 60_000
                self.reply(200, api.event, {
                    "Content-Type": "application/json",
                    "Lambda-Runtime-Aws-Request-Id": REQUEST_ID,
                    "Lambda-Runtime-Deadline-Ms": str(deadline),
                    "Lambda-Runtime-Invoked-Function-Arn":
                        "arn:aws:lambda:us-east-1:012345678912:function:check-image",
                })  # fmt: skip

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                if self.path == f"{PREFIX}invocation/{REQUEST_ID}/response":
                    api.response = body
                elif self.path in (f"{PREFIX}invocation/{REQUEST_ID}/error", PREFIX + "init/error"):
                    api.error = body
                else:
                    self.reply(404, b"404 page not found\n", {"Content-Type": "text/plain"})
                    return
                self.reply(202, b'{"status":"OK"}\n', {"Content-Type": "application/json"})

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.address = f"127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> RuntimeApi:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
