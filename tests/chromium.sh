#!/bin/sh
# Make sure that there is a Chromium for the browser tests: the system's, Debian's package, or Playwright's own.
# Usage: chromium.sh PYTHON. Never fails: without one the browser tests are skipped, and say so.
if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; then
    exit 0
fi
if command -v apt-get >/dev/null; then
    root=""
    [ "$(id -u)" = 0 ] || root="sudo -n"
    echo "Installing Chromium for the browser tests ..."
    $root apt-get update -qq >/dev/null 2>&1
    DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends chromium fonts-liberation \
        >/dev/null 2>&1 && exit 0
fi
"$1" -m playwright install chromium >/dev/null 2>&1 || echo "No Chromium is to be had: the browser tests will be skipped."
exit 0
