# make demo   the label-corruption sweep on real images, from an empty machine to the figures
# make test   linter, types and tests
# make lint   linter and types alone
# make bench  side-by-side measurements, half an hour on an idle machine
# Each does the set-up that is still missing: Debian packages for FFCV's build, then .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# FFCV is built from source against OpenCV and libjpeg-turbo.
PACKAGES := build-essential pkg-config python3-dev python3-venv libopencv-dev libturbojpeg0-dev
# The tests rebuild the embedded images from Debian's Fashion-MNIST, and open pages in a browser.
TEST_PACKAGES := dataset-fashion-mnist chromium
READY := .venv/.ready

.PHONY: demo test lint bench packages test-packages

demo: $(READY)
	.venv/bin/python sweeps/label_corruption.py --demo

test: $(READY) test-packages lint
	.venv/bin/python -m pytest

lint: $(READY)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

bench: $(READY)
	.venv/bin/python -m benchmarks

$(READY): pyproject.toml constraints.txt | packages
	[ -x .venv/bin/python ] || $(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# Installs those of the packages $(1) that are missing.
define install
	@command -v dpkg-query >/dev/null || echo "not a Debian or Ubuntu machine: FFCV needs the like of $(1)"
	@command -v dpkg-query >/dev/null || exit 0; missing=; for package in $(1); do \
		dpkg-query --show --showformat='$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed \
			|| missing="$$missing $$package"; \
	done; [ -z "$$missing" ] || { $(SUDO) apt-get update -qq && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null; }
endef

packages:
	$(call install,$(PACKAGES))

test-packages:
	$(call install,$(TEST_PACKAGES))
