# SPDX-License-Identifier: Apache-2.0
"""Test cases that are counted, and shown if they fail."""
import traceback


class Cases:
    def __init__(self, arguments=(), quiet=False):
        self.passed = 0
        self.failures = []
        self.quiet = quiet
        self.verbose = "-v" in arguments

    def that(self, name, holds, why="does not hold"):
        if holds:
            self.passed += 1
            if self.verbose:
                print(f"ok {name}")
        else:
            self.failures.append(name)
            if not self.quiet:
                print(f"not ok {name}: {why}")

    def equal(self, name, found, wanted):
        self.that(name, found == wanted, f"{found!r}, not {wanted!r}")

    def guard(self, name, function, *arguments):
        try:
            function(*arguments)
        # An exception in one part counts as a failure and must not prevent the other parts.
        except Exception:
            self.that(name, False, traceback.format_exc(limit=-3))

    def note(self, text):
        if not self.quiet:
            print(f"note: {text}")

    def close(self, name):
        print(f"{name}: {self.passed} passed, {len(self.failures)} failed")
        return 1 if self.failures or not self.passed else 0
