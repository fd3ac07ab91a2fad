#!/usr/bin/env bash
# Sees to it that there is a browser with Chinese letters for the page tests: what is there, else Debian's.
set -euo pipefail
for name in "${CHROME:-chromium}" chromium-browser google-chrome; do
	if command -v "$name" >/dev/null; then
		exit 0
	fi
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "no browser: set CHROME, or install chromium and fonts-noto-cjk" >&2
	exit 1
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk >/dev/null
