# SPDX-License-Identifier: Apache-2.0
"""Run ministack, a stand-in for AWS that executes functions, as the tests need it.

    ministack_server.py BOOTSTRAP    serves at 127.0.0.1 and the port in GATEWAY_PORT

ministack differs from AWS in three respects that matter to these tests, and this program makes up
for them:

  - An image needs Docker. Here a function of package type Image runs BOOTSTRAP by the Runtime API.
  - A topic hands an event to a function once. AWS queues it as an asynchronous event, with two
    retries and a dead letter.
  - An asynchronous event that is throttled counts as failed. AWS keeps it until there is room.
"""
import io
import sys
import time
import zipfile

import ministack.services.lambda_svc as functions
import ministack.services.sns as sns
from ministack.app import main

execute = functions._execute_function


def packed(path):
    """A zip archive with the program alone."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.write(path, "bootstrap")
    return archive.getvalue()


def execute_image(func, event, request_id):
    config = {**(func.get("config") or func), "Runtime": "provided.al2023", "Handler": "bootstrap"}
    return functions._execute_function_provided_warm(
        {**func, "config": config, "code_zip": program}, event, request_id)


def execute_when_there_is_room(func, event):
    while True:
        result = execute(func, event)
        if not (isinstance(result, dict) and result.get("throttle")):
            return result
        time.sleep(0.02)


class Queued:
    """The module of functions as the topics see it: each delivery is an asynchronous event."""

    def __getattr__(self, name):
        return getattr(functions, name)

    @staticmethod
    def _execute_function_with_config_scope(func, event):
        functions.invoke_async_with_retry(func, event)


program = packed(sys.argv.pop())
functions._execute_function_docker = execute_image
functions._execute_function = execute_when_there_is_room
sns._lambda_svc = Queued()
if __name__ == "__main__":
    main()
